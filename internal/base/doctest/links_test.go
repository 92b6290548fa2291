package doctest

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// link is [text](target), also of images.
var link = regexp.MustCompile(`\]\(([^()\s]+)\)`)

// code is text between backticks, where nothing is a link.
var code = regexp.MustCompile("`[^`]*`")

// TestLinks resolves every relative link, and the heading that it names.
func TestLinks(t *testing.T) {
	checked := 0
	for _, d := range documents(t) {
		for i, l := range d.lines {
			if d.fenced[i] {
				continue
			}
			for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(l, ""), -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				checked++
				if msg := resolve(t, d, m[1]); msg != "" {
					t.Errorf("%s:%d: %s: %s", d.path, i+1, m[1], msg)
				}
			}
		}
	}
	if checked < 30 {
		t.Fatalf("only %d links were checked", checked)
	}
}

// resolve says what is wrong with a link of d, or nothing.
func resolve(t *testing.T, d *document, target string) string {
	t.Helper()
	file, heading, _ := strings.Cut(target, "#")
	to := d.path
	if file != "" {
		to = path.Join(path.Dir(d.path), file)
	}
	if _, err := os.Stat(filepath.Join(root, to)); err != nil {
		return "no such file"
	}
	if heading != "" && !slices.Contains(headings(read(t, to)), heading) {
		return "no such heading"
	}
	return ""
}

// headings are the names that headings have in links.
func headings(d *document) []string {
	var out []string
	for i, l := range d.lines {
		title := strings.TrimLeft(l, "#")
		if d.fenced[i] || title == l || !strings.HasPrefix(title, " ") {
			continue
		}
		out = append(out, strings.Map(slug, strings.TrimSpace(title)))
	}
	return out
}

// slug maps a letter of a heading to one of its name, or takes it away.
func slug(r rune) rune {
	switch {
	case r == ' ':
		return '-'
	case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
		return unicode.ToLower(r)
	}
	return -1
}

func TestSlug(t *testing.T) {
	if got := strings.Map(slug, "`tenants`: address Spaces, 1."); got != "tenants-address-spaces-1" {
		t.Errorf("got %q", got)
	}
}
