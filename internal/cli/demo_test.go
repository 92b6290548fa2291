package cli

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestDemo plays the whole demo, faster, with the bundled rules and the
// catalogue: what the first command of every newcomer promises.
func TestDemo(t *testing.T) {
	if testing.Short() {
		t.Skip("plays for seconds")
	}
	t.Setenv("TMPDIR", t.TempDir())
	var out, errw bytes.Buffer
	start := time.Now()
	code := Main([]string{"demo", "--for", "1m", "--once", "--speed", "30"}, strings.NewReader(""), &out, &errw)
	text := out.String()
	if code != exitDone || errw.Len() > 0 {
		t.Errorf("status %d, %s", code, errw.String())
	}
	t.Logf("%v\n%s", time.Since(start), text[strings.Index(text, "The demo ran"):])
	if !strings.Contains(text, "As promised: a threat for each attack, none for ordinary traffic") {
		t.Error("not as promised")
	}
	if n := number(t, text, `Applications  ([0-9]+)`); n < 12 {
		t.Errorf("%d applications", n)
	}
	if n := len(regexp.MustCompile(`(?m)^  [a-z0-9-]+ +played [0-9]+× +[0-9,]+ threats?  \S`).FindAllString(text, -1)); n != 9 {
		t.Errorf("%d scenarios with threats, want the 9 attacks", n)
	}
	sent := number(t, text, `([0-9,]+) sent =`)
	got := number(t, text, `= ([0-9,]+) received`) + number(t, text, `\+ ([0-9,]+) dropped by the kernel`) + number(t, text, `\+ ([0-9,]+) dropped by us`)
	if sent != got || sent < 1000 {
		t.Errorf("%d sent, %d accounted for", sent, got)
	}
	if a, b := number(t, text, `Responses +([0-9,]+) chosen`), number(t, text, `([0-9,]+) delivered with a valid`); a != b || a == 0 {
		t.Errorf("%d webhooks chosen, %d delivered", a, b)
	}
	for l := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(l, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func number(t *testing.T, text, pattern string) int {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in the summary", pattern)
	}
	n, err := strconv.Atoi(strings.ReplaceAll(m[1], ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDemoKeep: a kept folder holds what a newcomer may look at, and the
// secret is nobody else's.
func TestDemoKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	var out, errw bytes.Buffer
	if code := Main([]string{"demo", "--for", "1200ms", "--speed", "5", "--keep", dir}, strings.NewReader(""), &out, &errw); code != exitDone {
		t.Fatalf("status %d: %s%s", code, out.String(), errw.String())
	}
	for _, name := range []string{"mirrorwall.yaml", "eve.json", "mirrorwall.log", "webhook.secret"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		if name == "webhook.secret" && st.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", name, st.Mode())
		}
	}
	if !strings.Contains(out.String(), "Kept in "+dir) || !strings.Contains(out.String(), "So far as promised") {
		t.Errorf("summary:\n%s", out.String())
	}
	errw.Reset()
	if code := Main([]string{"demo", "--keep", dir}, strings.NewReader(""), io.Discard, &errw); code != exitFailed || !strings.Contains(errw.String(), "is not empty\nhint: ") {
		t.Errorf("a second time: status %d, %s", code, errw.String())
	}
}

func TestDemoUsage(t *testing.T) {
	for _, args := range [][]string{{"--for", "0s"}, {"--for", "soon"}, {"--speed", "-1"}, {"more"}} {
		var errw bytes.Buffer
		if code := Main(append([]string{"demo"}, args...), strings.NewReader(""), io.Discard, &errw); code != exitUsage {
			t.Errorf("%v: status %d: %s", args, code, errw.String())
		}
	}
}
