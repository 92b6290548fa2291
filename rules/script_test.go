package rules_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A script is one exchange and what it must do to one signature. Its format is
// described in docs/rules/README.md.
type script struct {
	file  string
	line  int // of its heading
	sid   uint32
	hit   bool
	also  []uint32 // signatures that may fire as well
	lines []string // without the heading
}

func (s *script) pos() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// loadScripts reads every script of testdata.
func loadScripts(t testing.TB) []script {
	t.Helper()
	names, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("testdata: %d files, %v", len(names), err)
	}
	var all []script
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		scripts, err := parseScripts(n, string(text))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, scripts...)
	}
	return all
}

func parseScripts(file, text string) ([]script, error) {
	var out []script
	for i, line := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(line, "-- "); ok {
			s, err := parseHeading(strings.TrimSuffix(rest, " --"))
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, i+1, err)
			}
			s.file, s.line = file, i+1
			out = append(out, s)
			continue
		}
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if len(out) == 0 {
			return nil, fmt.Errorf("%s:%d: text before the first heading", file, i+1)
		}
		s := &out[len(out)-1]
		s.lines = append(s.lines, line)
	}
	return out, nil
}

// parseHeading reads "9000101 hit also 9000102".
func parseHeading(h string) (s script, err error) {
	words := strings.Fields(h)
	if len(words) < 2 || words[1] != "hit" && words[1] != "miss" {
		return s, fmt.Errorf("heading: want sid and hit or miss, got %q", h)
	}
	s.hit = words[1] == "hit"
	if s.sid, err = parseSID(words[0]); err != nil || len(words) == 2 {
		return s, err
	}
	if words[2] != "also" {
		return s, fmt.Errorf("heading: want also, got %q", words[2])
	}
	for _, w := range words[3:] {
		sid, err := parseSID(w)
		if err != nil {
			return s, err
		}
		s.also = append(s.also, sid)
	}
	return s, nil
}

func parseSID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}

// speech turns the text of one turn into bytes: lines end in CR LF, and HTTP
// is completed.
type speech struct {
	buf  bytes.Buffer
	text bool // the last addition was a line of text
}

// add appends one line of a script, without its '>' or '<'.
func (s *speech) add(line string) error {
	if line == "" {
		line = " "
	}
	kind, arg := line[0], strings.TrimPrefix(line[1:], " ")
	s.text = kind == ' '
	switch kind {
	case ' ':
		s.buf.WriteString(s.startLine(line[1:]) + "\r\n")
	case '|':
		raw, err := strconv.Unquote(`"` + strings.ReplaceAll(arg, `"`, `\"`) + `"`)
		s.buf.WriteString(raw)
		return err
	case '0', '~':
		n, err := strconv.Atoi(arg)
		fill := map[byte]string{'0': "\x00", '~': "A"}[kind]
		s.buf.WriteString(strings.Repeat(fill, n))
		return err
	default:
		return fmt.Errorf("want a blank, |, 0 or ~, got %q", line)
	}
	return nil
}

// startLine completes "GET /x" and "200" to a start line of HTTP/1.1.
func (s *speech) startLine(line string) string {
	if s.buf.Len() > 0 || strings.Contains(line, "HTTP/") {
		return line
	}
	if len(line) == 3 && line >= "100" && line < "600" {
		return "HTTP/1.1 " + line + " X"
	}
	if isRequest([]byte(line)) {
		return line + " HTTP/1.1"
	}
	return line
}

func isRequest(b []byte) bool {
	methods := []string{"GET /", "POST /", "PUT /", "HEAD /", "OPTIONS /", "DELETE /"}
	return slices.ContainsFunc(methods, func(m string) bool { return bytes.HasPrefix(b, []byte(m)) })
}

// take returns what was said and starts anew.
func (s *speech) take() []byte {
	b := bytes.Clone(s.buf.Bytes())
	s.buf.Reset()
	if !isRequest(b) && !bytes.HasPrefix(b, []byte("HTTP/1.")) {
		return b
	}
	head, body, ok := bytes.Cut(b, []byte("\r\n\r\n"))
	if !ok {
		head, body = bytes.TrimSuffix(b, []byte("\r\n")), nil
	}
	if s.text {
		body = bytes.TrimSuffix(body, []byte("\r\n"))
	}
	head = slices.Clip(head) // the body is behind it
	lower := bytes.ToLower(head)
	if isRequest(b) && !bytes.Contains(lower, []byte("\r\nhost:")) {
		head = append(head, "\r\nHost: shop.example.com"...)
	}
	if !bytes.Contains(lower, []byte("\r\ncontent-length:")) && (len(body) > 0 || !isRequest(b)) {
		head = fmt.Appendf(head, "\r\nContent-Length: %d", len(body))
	}
	return append(append(head, "\r\n\r\n"...), body...)
}
