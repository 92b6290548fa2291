package rulesource

import (
	"errors"
	"io"
	"os"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Lists are what the operator changes in published rules.
type Lists struct {
	Disable, Enable, Drop []*Matcher
	Modify                []*Modifier
}

// ListNames are the lists by their keys in the configuration.
func ListNames() []string { return []string{"disable", "enable", "modify", "drop"} }

// filePrefix marks an item of a list that names a file of entries.
const filePrefix = "file:"

// maxListFile bounds a file of entries.
const maxListFile = 4 << 20

// Item checks one item of the named list as it stands in the configuration: an
// entry, or "file:PATH". It does not read the file. off is the byte of the item
// that is wrong.
func Item(list, item string) (off int, hint string, err error) {
	if p, ok := strings.CutPrefix(item, filePrefix); ok {
		if p == "" {
			return len(filePrefix), "", errors.New("want the path of a file")
		}
		return 0, "", nil
	}
	if serr := (&Lists{}).add(list, item); serr != nil {
		return min(serr.off, len(item)), serr.hint, serr
	}
	return 0, "", nil
}

// Add adds the items of the named list, reading the files among them.
// Complaints are all that is wrong, with file and line.
func (l *Lists) Add(list string, items []string) rule.Errors {
	var errs rule.Errors
	for _, item := range items {
		p, ok := strings.CutPrefix(item, filePrefix)
		if !ok {
			if err := l.add(list, item); err != nil {
				errs = append(errs, entryError("rules: "+list, 1, item, err.off, err))
			}
			continue
		}
		text, err := readBounded(p, maxListFile)
		if err != nil {
			errs = append(errs, &rule.Error{Pos: rule.Pos{File: p, Line: 1, Column: 1}, Msg: plain(err).Error(), Hint: "rules: " + list + ": file:PATH names a list; take the item out, or make the file readable"})
			continue
		}
		errs = append(errs, l.Read(list, p, string(text))...)
	}
	return errs
}

// Read adds the entries of a file's text: one a line, comments behind '#'.
func (l *Lists) Read(list, name, text string) rule.Errors {
	var errs rule.Errors
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if n == 1 {
			line = strings.TrimPrefix(line, "\ufeff")
		}
		entry := strings.TrimLeft(line, " \t")
		indent := len(line) - len(entry)
		if entry = withoutComment(entry, list == "modify"); entry == "" {
			continue
		}
		if err := l.add(list, entry); err != nil {
			errs = append(errs, entryError(name, n, line, indent+err.off, err))
		}
	}
	return errs
}

func entryError(name string, line int, text string, off int, err *syntaxError) *rule.Error {
	return &rule.Error{
		Pos: rule.Pos{File: name, Line: line, Column: min(off, len(text)) + 1},
		Msg: err.msg, Hint: err.hint, Line: text,
	}
}

// withoutComment cuts a comment off: a '#' that stands first or behind a blank,
// and with quotes outside of them.
func withoutComment(s string, quotes bool) string {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '#' && quote == 0 && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return strings.TrimRight(s[:i], " \t")
		case !quotes:
		case c == '\\' && quote != '\'':
			i++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == quote:
			quote = 0
		}
	}
	return strings.TrimRight(s, " \t")
}

func (l *Lists) add(list, entry string) *syntaxError {
	if list == "modify" {
		m, err := parseModifier(entry)
		if err == nil {
			l.Modify = append(l.Modify, m)
		}
		return err
	}
	m, err := parseMatcher(entry)
	if err != nil {
		return err
	}
	switch list {
	case "disable":
		l.Disable = append(l.Disable, m)
	case "enable":
		l.Enable = append(l.Enable, m)
	case "drop":
		l.Drop = append(l.Drop, m)
	default:
		panic("BUG: no list " + list)
	}
	return nil
}

// readBounded reads a file of at most most bytes.
func readBounded(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = tooLong(most)
	}
	return text, err
}

// plain is an error of a file without the path, which its message already has.
func plain(err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}
