package demo

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestPicture holds the README's picture to the captured screen that it is
// drawn from. A new one is made with
//
//	tmux new -d -s demo -x 100 -y 40 bin/mirrorwall demo; sleep 100
//	tmux capture-pane -t demo -p -e >internal/demo/testdata/screen.ansi
//	go test ./internal/demo -update
func TestPicture(t *testing.T) {
	screen, err := os.ReadFile("testdata/screen.ansi")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"APPLICATIONS", "THREATS", "RESPONSES", "Ctrl-C"} {
		if !bytes.Contains(screen, []byte(want)) {
			t.Errorf("no %s on the captured screen", want)
		}
	}
	golden(t, "../../../docs/img/demo.svg", appendSVG(nil, string(screen), 100))
}

// Measures of the picture, in its own units.
const (
	charWidth  = 8
	lineHeight = 18
	margin     = 16
)

// appendSVG draws a screen with the SGR codes that this package and tmux use.
// Every word gets its place and its length, so that any font will do.
func appendSVG(b []byte, screen string, columns int) []byte {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	width, height := columns*charWidth+2*margin, len(lines)*lineHeight+2*margin
	b = fmt.Appendf(b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `+
		`font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace" font-size="13">`+"\n"+
		`<title>mirrorwall demo in a terminal</title>`+"\n"+
		`<rect width="%d" height="%d" rx="8" fill="#15191f"/>`+"\n", width, height, width, height, width, height)
	pen := pen{}
	for row, line := range lines {
		x := 0
		for line != "" {
			var run string
			if run, line = pen.cut(line); run != "" {
				b = pen.draw(b, run, margin+x*charWidth, margin+row*lineHeight)
				x += utf8.RuneCountInString(run)
			}
		}
	}
	return append(b, "</svg>\n"...)
}

// pen is the state that SGR codes change.
type pen struct {
	bold, dim   bool
	ink, ground int // 1 to 8: ANSI colours; 0: the default
}

// cut takes the next run of text of one style, or eats one escape.
func (p *pen) cut(line string) (run, rest string) {
	if codes, ok := strings.CutPrefix(line, "\x1b["); ok {
		codes, rest, _ = strings.Cut(codes, "m")
		for c := range strings.SplitSeq(codes, ";") {
			p.set(c)
		}
		return "", rest
	}
	if i := strings.IndexByte(line, 0x1b); i >= 0 {
		return line[:i], line[i:]
	}
	return line, ""
}

func (p *pen) set(code string) {
	n, err := strconv.Atoi(code)
	switch {
	case err != nil || n == 0:
		*p = pen{}
	case n == 1:
		p.bold = true
	case n == 2:
		p.dim = true
	case n == 22:
		p.bold, p.dim = false, false
	case n >= 30 && n <= 37:
		p.ink = n - 29
	case n == 39:
		p.ink = 0
	case n >= 40 && n <= 47:
		p.ground = n - 39
	case n == 49:
		p.ground = 0
	}
}

func palette(n int) string {
	return [...]string{"#d6dde6", "#15191f", "#ff6b6b", "#5fd38d", "#f2c14e", "#6ca8ff", "#c792ea", "#5bc8d8", "#ffffff"}[n]
}

// draw puts the words of a run at x, y; a ground colour covers the spaces too.
func (p *pen) draw(b []byte, run string, x, y int) []byte {
	if p.ground > 0 {
		b = fmt.Appendf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="#b3261e"/>`+"\n",
			x, y, utf8.RuneCountInString(run)*charWidth, lineHeight)
	}
	extra := ""
	if p.bold {
		extra += ` font-weight="bold"`
	}
	if p.dim {
		extra += ` opacity="0.6"`
	}
	for word := range strings.SplitSeq(run, " ") {
		n := utf8.RuneCountInString(word) * charWidth
		if n > 0 {
			b = fmt.Appendf(b, `<text x="%d" y="%d" textLength="%d" lengthAdjust="spacingAndGlyphs" fill="%s"%s>%s</text>`+"\n",
				x, y+13, n, palette(p.ink), extra, html.EscapeString(word))
		}
		x += n + charWidth
	}
	return b
}
