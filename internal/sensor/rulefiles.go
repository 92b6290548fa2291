package sensor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mirrorwall/mirrorwall/internal/detect"
)

// maxRuleFile bounds a file that a rule names.
const maxRuleFile = 256 << 20

// RuleFiles finds the files that rules name: lists of values and hashes, and
// the data sets that rules want kept.
type RuleFiles struct {
	// Dir holds the data sets with save or state. Empty: a state is looked for
	// beside the rules file, and nothing is written.
	Dir string
	// Published holds the rules that others publish: these read files inside Dir
	// alone. Empty: there are none.
	Published string
}

// Read returns the file that a rule in rulesFile names. kept says that it is one
// that SaveDatasets writes. Other relative names count from the folder of
// rulesFile, and from Dir when there is no such file there.
func (r RuleFiles) Read(rulesFile, name string, kept bool) ([]byte, error) {
	if r.published(rulesFile) {
		return r.ReadPublished(name)
	}
	beside := name
	if !filepath.IsAbs(name) {
		beside = filepath.Join(filepath.Dir(rulesFile), name)
	}
	switch {
	case r.Dir == "" || filepath.IsAbs(name):
		return readBounded(beside)
	case kept:
		return readBounded(filepath.Join(r.Dir, name))
	}
	text, err := readBounded(beside)
	if errors.Is(err, os.ErrNotExist) {
		if text, err := readBounded(filepath.Join(r.Dir, name)); err == nil {
			return text, nil
		}
	}
	return text, err
}

// published reports whether the rules file came from a source.
func (r RuleFiles) published(rulesFile string) bool {
	if r.Published == "" {
		return false
	}
	rel, err := filepath.Rel(r.Published, rulesFile)
	return err == nil && filepath.IsLocal(rel)
}

// ReadPublished returns the file inside Dir that a rule of a source names. Such
// a rule must not learn what is elsewhere on this machine; the error's Hint says
// what to do.
func (r RuleFiles) ReadPublished(name string) ([]byte, error) {
	hint := "put the file into " + r.Dir + " and name it from there; rules under rules: files: may name any file"
	if !filepath.IsLocal(name) {
		return nil, &fileError{fmt.Errorf("%s: a rule of a source reads files inside the data sets' folder only", name), hint}
	}
	text, err := readBounded(filepath.Join(r.Dir, name))
	if err != nil {
		return nil, &fileError{err, hint}
	}
	return text, nil
}

// fileError is a file that a rule cannot have.
type fileError struct {
	error
	hint string
}

func (e *fileError) Unwrap() error { return e.error }

// Hint says what to do about it.
func (e *fileError) Hint() string { return e.hint }

// readBounded reads a regular file. Opening anything else may wait without end,
// as for a writer to a pipe, and the reload would with it.
func readBounded(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: no regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxRuleFile+1))
	if err == nil && len(text) > maxRuleFile {
		err = fmt.Errorf("%s: more than %d bytes", path, maxRuleFile)
	}
	return text, errors.Join(err, f.Close())
}

// SaveDatasets writes the data sets that rules want kept (save, state) to the
// folder of RuleFiles, each as a whole or not at all. Without a folder it does
// nothing.
func (cfg *Config) SaveDatasets() error {
	dir := cfg.RuleFiles.Dir
	if dir == "" || cfg.Datasets == nil {
		return nil
	}
	return cfg.Datasets.Save(func(name string, text []byte) error {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		fresh := path + ".new"
		if err := os.WriteFile(fresh, text, 0o640); err != nil {
			return err
		}
		return os.Rename(fresh, path)
	})
}

// ReputationFiles are the lists of the keyword iprep, under Suricata's names
// reputation-categories-file, default-reputation-path and reputation-files.
type ReputationFiles struct {
	Categories string   // empty: no lists
	Dir        string   // where relative Files are
	Files      []string // in this order
}

// Read reads all of them, or returns nil when no categories are named.
func (r ReputationFiles) Read() (*detect.Reputation, error) {
	if r.Categories == "" {
		return nil, nil
	}
	text, err := readBounded(r.Categories)
	if err != nil {
		return nil, err
	}
	out, err := detect.NewReputation(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Categories, err)
	}
	for _, name := range r.Files {
		if r.Dir != "" && !filepath.IsAbs(name) {
			name = filepath.Join(r.Dir, name)
		}
		text, err := readBounded(name)
		if err != nil {
			return nil, err
		}
		out.Add(name, text)
	}
	return out, nil
}
