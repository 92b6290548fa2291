// Package panos reads and writes device configurations of PAN-OS: it imports
// their policy, says element by element what became of it, and exports a policy
// into the file it came from without touching what did not change.
//
// The file's bytes are kept: an element is a place in them, and what nobody
// changed is written as it was read. Document types and entities are refused,
// size, depth and number of elements are bounded.
package panos

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of a file.
const (
	MaxBytes    = 64 << 20
	MaxDepth    = 64
	MaxElements = 2 << 20
	maxAttrs    = 16
)

// extensionName is the processing instruction of a configuration element that
// carries what PAN-OS has no element for; as a Node it has this name.
const extensionName = "?mirrorwall"

// Node is one element of a Tree; it belongs to it and must not be changed.
type Node struct {
	Name  string
	Attrs []xml.Attr
	Text  string // its own text, trimmed; empty when it has children
	Kids  []*Node

	// The element is src[start:end], its content src[inner:innerEnd]. Of
	// "<a/>" the content is empty and at the end.
	start, inner, innerEnd, end int
}

// Tree is a parsed file. It keeps the bytes and is not changed after Parse.
type Tree struct {
	// Config is the element <config>, also where a response is around it.
	Config *Node
	// Version is the attribute of <config>: "10.1.0", or empty.
	Version string
	src     []byte
}

// Bytes are the file as it was read; the caller must not change them.
func (t *Tree) Bytes() []byte { return t.src }

// ParseError says what is wrong with a file, and where.
type ParseError struct {
	Name         string // of the file, or empty
	Line, Column int    // from 1; columns count characters
	Msg          string
	Text         string // the line
	Advice       string
}

// Error prints place and message, the line and a caret below its column.
func (e *ParseError) Error() string {
	name := e.Name
	if name == "" {
		name = "panos"
	}
	s := fmt.Sprintf("%s:%d:%d: %s", name, e.Line, e.Column, e.Msg)
	if e.Text == "" {
		return s
	}
	line, caret := []rune(e.Text), e.Column-1
	const before, width = 40, 100
	if caret > before {
		line, caret = line[min(caret-before, len(line)):], before
	}
	if len(line) > width {
		line = line[:width]
	}
	for i, r := range line {
		if r < ' ' || r == utf8.RuneError {
			line[i] = ' '
		}
	}
	return fmt.Sprintf("%s\n\t%s\n\t%s^", s, string(line), strings.Repeat(" ", caret))
}

// Hint says what to do.
func (e *ParseError) Hint() string { return e.Advice }

// Parse reads a device configuration: <config>, or <response><result> around
// it, as the API gives it. Errors are of type *ParseError, or the reader's.
func Parse(r io.Reader) (*Tree, error) {
	src, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("panos: %w", err)
	}
	t := &Tree{src: src}
	if len(src) > MaxBytes {
		return nil, t.fail(0, "the file is too long", fmt.Sprintf("want at most %d MiB", MaxBytes>>20))
	}
	root, err := newParser(t).run()
	if err != nil {
		return nil, err
	}
	return t, t.find(root)
}

const exportHint = "want a device configuration: Device > Setup > Operations > Export named configuration snapshot"

// find unwraps the configuration.
func (t *Tree) find(root *Node) error {
	c := root
	for _, step := range []string{"result", "config"} {
		if c.Name == "config" {
			break
		}
		if c.Name == "response" && root.Attr("status") == "error" {
			return t.fail(c.start, "the file is an error message of the API, not a configuration", exportHint)
		}
		next := c.Kid(step)
		if next == nil {
			return t.fail(c.start, fmt.Sprintf("want <config>, got <%s>", c.Name), exportHint)
		}
		c = next
	}
	if c.Name != "config" {
		return t.fail(c.start, fmt.Sprintf("want <config>, got <%s>", c.Name), exportHint)
	}
	t.Config, t.Version = c, c.Attr("version")
	return nil
}

// fail makes an error at an offset of the file.
func (t *Tree) fail(at int, msg, hint string) *ParseError {
	at = min(max(at, 0), len(t.src))
	start := bytes.LastIndexByte(t.src[:at], '\n') + 1
	end := len(t.src)
	if i := bytes.IndexByte(t.src[at:], '\n'); i >= 0 {
		end = at + i
	}
	const most = 4096 // a file may be one line
	from := max(start, at-most)
	text := strings.ToValidUTF8(string(t.src[from:min(end, at+most)]), "?")
	column := utf8.RuneCount(t.src[start:at]) + 1
	e := &ParseError{Line: bytes.Count(t.src[:at], []byte("\n")) + 1, Column: column, Msg: msg, Text: text, Advice: hint}
	if from > start {
		e.Text = "" // the caret would not stand below its column
	}
	return e
}

// parser builds the tree from raw tokens, so that it knows their bytes.
type parser struct {
	t     *Tree
	d     *xml.Decoder
	names map[string]string // each name once
	stack []*Node
	text  []byte // of the innermost element
	count int
	root  *Node
}

func newParser(t *Tree) *parser {
	return &parser{t: t, d: xml.NewDecoder(bytes.NewReader(t.src)), names: map[string]string{}}
}

func (p *parser) run() (*Node, error) {
	for {
		start := int(p.d.InputOffset())
		tok, err := p.d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, p.syntax(err)
		}
		if err := p.token(tok, start, int(p.d.InputOffset())); err != nil {
			return nil, err
		}
	}
	if n := len(p.stack); n > 0 {
		return nil, p.t.fail(p.stack[n-1].start, fmt.Sprintf("<%s> is never closed", p.stack[n-1].Name), "is the file complete?")
	}
	if p.root == nil {
		return nil, p.t.fail(0, "the file has no element", exportHint)
	}
	return p.root, nil
}

func (p *parser) syntax(err error) error {
	var se *xml.SyntaxError
	msg := err.Error()
	if errors.As(err, &se) {
		msg = se.Msg
	}
	hint := "is the file complete, and XML?"
	if strings.Contains(msg, "entity") {
		hint = "entities are refused but for &amp; &lt; &gt; &quot; &apos; and numbers"
	}
	return p.t.fail(int(p.d.InputOffset()), msg, hint)
}

func (p *parser) token(tok xml.Token, start, end int) error {
	switch tok := tok.(type) {
	case xml.StartElement:
		return p.open(tok, start, end)
	case xml.EndElement:
		return p.close(p.name(tok.Name), start, end)
	case xml.CharData:
		return p.chars(tok, start)
	case xml.Directive:
		return p.t.fail(start, "document types and entities are refused", "take the <!DOCTYPE …> out of the file")
	case xml.ProcInst:
		if n := len(p.stack); tok.Target == extensionName[1:] && n > 0 {
			up := p.stack[n-1]
			up.Kids = append(up.Kids, &Node{Name: extensionName, Text: string(tok.Inst), start: start, inner: end, innerEnd: end, end: end})
			return p.more(start)
		}
	}
	return nil
}

func (p *parser) more(at int) error {
	if p.count++; p.count > MaxElements {
		return p.t.fail(at, fmt.Sprintf("the file has more than %d elements", MaxElements), exportHint)
	}
	return nil
}

func (p *parser) open(tok xml.StartElement, start, end int) error {
	n := &Node{Name: p.name(tok.Name), start: start, inner: end, innerEnd: end, end: end}
	if len(tok.Attr) > 0 {
		if len(tok.Attr) > maxAttrs {
			return p.t.fail(start, fmt.Sprintf("<%s> has more than %d attributes", n.Name, maxAttrs), exportHint)
		}
		n.Attrs = tok.Attr
	}
	if err := p.more(start); err != nil {
		return err
	}
	if len(p.stack) >= MaxDepth {
		return p.t.fail(start, fmt.Sprintf("elements are nested more than %d deep", MaxDepth), exportHint)
	}
	if len(p.stack) > 0 {
		up := p.stack[len(p.stack)-1]
		up.Kids = append(up.Kids, n)
	} else if p.root != nil {
		return p.t.fail(start, fmt.Sprintf("want one outermost element, got also <%s>", n.Name), "is it two files in one?")
	} else {
		p.root = n
	}
	p.stack, p.text = append(p.stack, n), p.text[:0]
	return nil
}

func (p *parser) close(name string, start, end int) error {
	if len(p.stack) == 0 {
		return p.t.fail(start, fmt.Sprintf("</%s> closes nothing", name), "is the file complete?")
	}
	n := p.stack[len(p.stack)-1]
	if n.Name != name {
		return p.t.fail(start, fmt.Sprintf("want </%s>, got </%s>", n.Name, name), "each element is closed before the one around it")
	}
	n.innerEnd, n.end = start, end
	if len(n.Kids) == 0 {
		n.Text = string(bytes.TrimSpace(p.text))
	}
	p.text = p.text[:0]
	p.stack = p.stack[:len(p.stack)-1]
	return nil
}

func (p *parser) chars(text xml.CharData, start int) error {
	blank := len(bytes.TrimSpace(text)) == 0
	if len(p.stack) == 0 {
		// A mark of byte order may stand before the first element.
		if !blank && !bytes.Equal(bytes.TrimSpace(text), []byte("\ufeff")) {
			return p.t.fail(start, "text outside of every element", exportHint)
		}
		return nil
	}
	n := p.stack[len(p.stack)-1]
	if len(n.Kids) == 0 {
		p.text = append(p.text, text...)
	}
	return nil
}

// name is a tag's name as it is written.
func (p *parser) name(n xml.Name) string {
	s := n.Local
	if n.Space != "" {
		s = n.Space + ":" + s
	}
	if known, ok := p.names[s]; ok {
		return known
	}
	if len(p.names) < 1<<12 {
		p.names[s] = s
	}
	return s
}

// Attr is the value of an attribute, or empty.
func (n *Node) Attr(name string) string {
	for _, a := range n.Attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// Kid is the first child of a name, or nil; also of nil.
func (n *Node) Kid(name string) *Node {
	if n == nil {
		return nil
	}
	for _, k := range n.Kids {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// At follows names from child to child; nil when one is missing.
func (n *Node) At(names ...string) *Node {
	for _, name := range names {
		n = n.Kid(name)
	}
	return n
}

// Members are the texts of the children <member>.
func (n *Node) Members() []string {
	if n == nil {
		return nil
	}
	var out []string
	for _, k := range n.Kids {
		if k.Name == "member" {
			out = append(out, k.Text)
		}
	}
	return out
}

// Entries are the children <entry>.
func (n *Node) Entries() []*Node {
	if n == nil {
		return nil
	}
	var out []*Node
	for _, k := range n.Kids {
		if k.Name == "entry" {
			out = append(out, k)
		}
	}
	return out
}

// String is the text, also of nil.
func (n *Node) String() string {
	if n == nil {
		return ""
	}
	return n.Text
}

// step is the element in a path: <entry> has its name.
func (n *Node) step() string {
	if n.Name == "entry" {
		return "/entry[@name='" + n.Attr("name") + "']"
	}
	return "/" + n.Name
}
