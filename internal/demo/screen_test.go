package demo

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

func at(sec int) time.Time { return time.Date(2026, 11, 23, 10, 0, sec, 0, time.Local) }

// fixed is a view with something in every corner.
func fixed() *View {
	v := &View{
		Uptime: 42 * time.Second, For: 3 * time.Minute, Now: at(42), Frames: 6376, Rate: 118.7,
		Flows: 1234, Rules: 255, Attacks: 4, AllAttacks: 9, Received: Received{Valid: 7},
		Metrics: "http://127.0.0.1:39321/metrics", EVE: "/tmp/mirrorwall-demo-123/eve.json",
	}
	f := &v.Findings
	for i, name := range []string{"web-browsing", "ssl", "dns", "postgres", "aws-s3", "ms-product-activation-and-more"} {
		f.Apps = append(f.Apps, App{Name: name, Risk: i, Flows: uint64(4000 / (i + 1)), Bytes: uint64(5<<20) >> (5 * i)})
	}
	f.Apps = append(f.Apps, App{Name: "incomplete", Flows: 3})
	for i := range 6 {
		f.Threats = append(f.Threats, Threat{
			Last: at(40 - i), Severity: record.Severity(4 - min(i, 4)), Name: "Mirrorwall Log4Shell JNDI lookup, percent-encoded",
			Client: netip.MustParseAddr("203.0.113.66"), Server: netip.MustParseAddrPort("10.20.1.11:8080"), Count: uint64(1 + 40*i),
		})
	}
	f.Threats[1].Server = netip.MustParseAddrPort("[2001:db8:0:20:100::11]:80")
	f.Threats[2].Name = "A name\x1b[2J that drives terminals"
	f.Alerts = 606
	f.Deliveries = []Delivery{{Time: at(38), Valid: true, Threat: "Mirrorwall Log4Shell JNDI lookup"}, {Time: at(39)}}
	return v
}

func TestScreen(t *testing.T) {
	for _, c := range []struct {
		name          string
		width, height int
		change        func(*View)
	}{
		{"100x40", 100, 40, nil},
		{"80x24", 80, 24, nil},
		{"tiny", 10, 3, nil},
		{"loss", 100, 24, func(v *View) {
			v.Lost, v.Findings.False, v.Received.Invalid, v.Failed = 17, 2, 1, 3
		}},
		{"empty", 100, 30, func(v *View) { *v = View{For: time.Minute} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := fixed()
			if c.change != nil {
				c.change(v)
			}
			text := AppendScreen(nil, v, c.width, c.height, false)
			golden(t, "screen-"+c.name+".txt", append(text, '\n'))
			lines := strings.Split(string(text), "\n")
			if want := max(c.height, minHeight); len(lines) > want {
				t.Errorf("%d lines, want at most %d", len(lines), want)
			}
			for i, l := range lines {
				if n := utf8.RuneCountInString(l); n > max(c.width, minWidth) {
					t.Errorf("line %d has %d columns: %q", i+1, n, l)
				}
			}
			// Colours change nothing else.
			if got := stripANSI(AppendScreen(nil, v, c.width, c.height, true)); !bytes.Equal(got, text) {
				t.Errorf("with colours:\n%s", cmp.Diff(string(text), string(got)))
			}
		})
	}
}

// TestSizes: no size of terminal breaks the drawing.
func TestSizes(t *testing.T) {
	v := fixed()
	for width := minWidth; width < 200; width += 7 {
		for height := minHeight; height < 80; height++ {
			text := AppendScreen(nil, v, width, height, false)
			if n := 1 + bytes.Count(text, []byte("\n")); n > height {
				t.Fatalf("%dx%d: %d lines", width, height, n)
			}
			if !bytes.Contains(text, []byte("Ctrl-C")) || height < 17 && !bytes.Contains(text, []byte("and 6 earlier")) {
				t.Fatalf("%dx%d: no foot, or nothing about the threats left out:\n%s", width, height, text)
			}
		}
	}
}

func stripANSI(b []byte) (out []byte) {
	for len(b) > 0 {
		if b[0] == 0x1b {
			b = b[bytes.IndexByte(b, 'm')+1:]
			continue
		}
		out = append(out, b[0])
		b = b[1:]
	}
	// Trailing spaces hide behind an escape.
	lines := strings.Split(string(out), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return []byte(strings.Join(lines, "\n"))
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	l := NewLines(&b, func() time.Time { return at(4) })
	l.NewApp(App{Name: "postgres", Category: "business-systems", Risk: 2})
	l.NewApp(App{Name: "odd"})
	for _, th := range fixed().Findings.Threats[:3] {
		th.App = "web-browsing"
		l.NewThreat(th)
	}
	l.NewThreat(Threat{Name: "Short", Client: netip.MustParseAddr("198.51.100.7"), Server: netip.MustParseAddrPort("10.0.1.10:80"), App: "web-browsing", Severity: record.High})
	l.Delivered(Delivery{Valid: true, Threat: "Mirrorwall Log4Shell JNDI lookup"})
	l.Delivered(Delivery{ID: "msg_1"})
	l.Progress(fixed())
	golden(t, "lines.txt", b.Bytes())
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(line) - 1; n > maxLine {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{clip("abcdef", 4), "abc…"}, {clip("abcd", 4), "abcd"}, {clip("abc", 0), ""}, {clip("a\x1bb\u009bc", 9), "a.b.c"},
		{count(0), "0"}, {count(999), "999"}, {count(1000), "1,000"}, {count(1234567), "1,234,567"},
		{units.Bytes(1023), "1023 B"}, {units.Bytes(1536), "1.5 KiB"}, {units.Bytes(3 << 20), "3.0 MiB"}, {units.Bytes(5 << 30), "5.0 GiB"},
		{clock(61 * time.Second), "1:01"}, {plural(1, "threat"), "1 threat"}, {plural(1200, "threat"), "1,200 threats"},
		{fmt.Sprint(wrap([]string{"aa", "bb", "cc"}, 7)), "[aa, bb, cc]"},
		{fmt.Sprint(len(wrap([]string{"aa", "bb", "cc"}, 7))), "2"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}
