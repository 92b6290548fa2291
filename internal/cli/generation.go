package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
)

// A configuration that was committed in the console reaches the processes of this
// machine through the folder generation of state:. The console writes current.json,
// the sensor writes sensor.json, what it makes of it. Each is replaced whole.

// generation is a committed configuration: what current.json holds.
type generation struct {
	Number uint64 `json:"number"`
	Author string `json:"author"`
	Text   string `json:"text"`
}

func (g *generation) name() string { return fmt.Sprintf("version %d", g.Number) }

func generationFile(cfg *config.Config, name string) string {
	return filepath.Join(cfg.State, "generation", name)
}

// readGeneration gives nil when nothing was committed.
func readGeneration(cfg *config.Config) (*generation, error) {
	g := &generation{}
	if err := readJSON(generationFile(cfg, "current.json"), 2*maxConfigText, g); err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, nil // a state: that is no folder is told when it is used
		}
		return nil, fail(fmt.Errorf("the committed configuration: %w", err), "mirrorwall run --from-file takes the file instead")
	}
	return g, nil
}

// publisher hands a committed configuration to the processes of this machine.
func publisher(cfg *config.Config) func(context.Context, lifecycle.Generation) error {
	return func(_ context.Context, g lifecycle.Generation) error {
		return writeJSON(generationFile(cfg, "current.json"), generation{g.Number, g.Author, string(g.Text)})
	}
}

func readJSON(path string, limit int64, v any) error {
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.Size() > limit {
		return fmt.Errorf("%s: %d bytes", path, st.Size())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeJSON replaces a file; it and its folder are for this user alone.
func writeJSON(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// start is what a process starts with.
type start struct {
	Text   []byte
	Number uint64 // the committed version that Text is; 0: the file's
	// File says that the console shall run Text though others were committed.
	File bool
	// State is the folder that the file names: a version that came from another
	// machine does not move it.
	State string
	// Refused is a version that the process could not start with, and Why: it
	// does not try it again.
	Refused uint64
	Why     string
}

// effective chooses what is in force: what was committed in the console, else
// what the file says, which is cfg already. The file always says where state: is.
func effective(path string, text []byte, cfg *config.Config, log *slog.Logger, checks ...config.Check) (start, *config.Config, error) {
	st := start{Text: text}
	g, err := readGeneration(cfg)
	if err != nil {
		return st, nil, err
	}
	noteFile(path, text, cfg, g, log)
	if g == nil {
		return st, cfg, nil
	}
	next, err := config.Parse(g.name(), []byte(g.Text), checks...)
	if err != nil {
		return st, nil, fail(err, "it was committed in the console; mirrorwall run --from-file takes the file instead")
	}
	next.State = cfg.State
	log.Info("configuration", "version", g.Number, "committed_by", g.Author)
	return start{Text: []byte(g.Text), Number: g.Number, State: cfg.State}, next, nil
}

// noteFile warns of a file that has changed since it ceased to count.
func noteFile(path string, text []byte, cfg *config.Config, g *generation, log *slog.Logger) {
	sum := sha256.Sum256(text)
	now, was := hex.EncodeToString(sum[:]), ""
	note := generationFile(cfg, "file.json")
	if err := readJSON(note, 1024, &was); g != nil && err == nil && was != now {
		log.Warn("the configuration file has changed, but what was committed in the console is in force", "file", path, "version", g.Number,
			"hint", "mirrorwall config load "+path+" makes it the candidate; mirrorwall run --from-file takes it at once")
		return
	}
	if was != now {
		if err := writeJSON(note, now); err != nil {
			log.Debug("not noted what the configuration file says", "err", err)
		}
	}
}

// changedKeys are the keys of the document in which two configurations differ;
// rules: and policy: with the key below.
func changedKeys(a, b []byte) ([]string, error) {
	changes, err := config.Diff(a, b)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range changes {
		parts := strings.FieldsFunc(c.Path, func(r rune) bool { return r == '.' || r == '[' })
		if key := parts[0]; !slices.Contains(out, key) {
			out = append(out, key)
		}
	}
	return out, nil
}

// consoleKeys are read by the console alone.
func consoleKeys() []string { return []string{"console", "store", "respond"} }

// restartError ends a process that must start again with another configuration.
type restartError struct{ number uint64 }

func (e *restartError) Error() string { return fmt.Sprintf("starting again with version %d", e.number) }

// exitRestart is the status of a process that asks run to be started again: an
// agreement between the two, no status of a command.
const exitRestart = 75
