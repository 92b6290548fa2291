package appid

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// firstBytes is a pattern of the first bytes of one direction, as written.
type firstBytes struct {
	Transport string `yaml:"transport"` // tcp or udp
	From      string `yaml:"from"`      // client, server, or any
	// Hex is the bytes at Offset: pairs of digits, ?? for any byte, blanks
	// between. Text is the same as plain text. One of the two.
	Hex    string `yaml:"hex"`
	Text   string `yaml:"text"`
	Nocase bool   `yaml:"nocase"`
	Offset int    `yaml:"offset"`
	// Contains must occur within the first bytes as well.
	Contains string `yaml:"contains"`
	// MinLen and MaxLen bound the first chunk or datagram; 0: no bound.
	MinLen int `yaml:"min_len"`
	MaxLen int `yaml:"max_len"`
	// LengthAt says that the bytes at this place hold the length of the rest of
	// the message: {at: 0, size: 4, add: 4}.
	Length *lengthField `yaml:"length"`
	// Ports must hold the server's port: for bytes too common to be trusted
	// anywhere. The port alone never decides.
	Ports []uint16 `yaml:"ports"`
	// Reply must be what the other direction starts with, as Hex.
	Reply string `yaml:"reply"`
}

// lengthField is a number inside the message that must tell its length.
type lengthField struct {
	At     int  `yaml:"at"`
	Size   int  `yaml:"size"` // 1 to 4 bytes
	Little bool `yaml:"little"`
	Add    int  `yaml:"add"`  // value + add = length of the message
	Most   bool `yaml:"most"` // the message may be longer: more follow in it
}

// maxFirst is how many first bytes of each direction a State keeps.
const maxFirst = 96

// pattern is a compiled firstBytes.
type pattern struct {
	app      *App
	from     int8 // Dir, or -1 for any
	offset   int
	bytes    []byte
	mask     []byte // 0xff where the byte counts; 0xdf for a letter of any case
	contains []byte
	min, max int
	length   *lengthField
	ports    []uint16
	reply    []byte
	replyM   []byte
}

// patternTable finds candidates by the first byte.
type patternTable struct {
	byFirst [256][]*pattern
	other   []*pattern // those that say nothing of the first byte
}

func (c *Catalogue) addPattern(app *App, f *firstBytes) error {
	p, err := compilePattern(app, f)
	if err != nil {
		return fmt.Errorf("first: %w", err)
	}
	t := &c.patterns[0]
	if f.Transport == "udp" {
		t = &c.patterns[1]
	}
	if p.offset > 0 || len(p.mask) == 0 || p.mask[0] != 0xff {
		t.other = append(t.other, p)
		return nil
	}
	t.byFirst[p.bytes[0]] = append(t.byFirst[p.bytes[0]], p)
	return nil
}

func compilePattern(app *App, f *firstBytes) (*pattern, error) {
	p := &pattern{
		app: app, offset: f.Offset, min: f.MinLen, max: f.MaxLen,
		length: f.Length, ports: f.Ports, contains: []byte(f.Contains),
	}
	switch f.Transport {
	case "tcp", "udp":
	default:
		return nil, fmt.Errorf("transport: want tcp or udp, got %q", f.Transport)
	}
	switch f.From {
	case "client":
		p.from = 0
	case "server":
		p.from = 1
	case "any":
		p.from = -1
	default:
		return nil, fmt.Errorf("from: want client, server or any, got %q", f.From)
	}
	var err error
	switch {
	case f.Hex != "" && f.Text != "":
		return nil, errors.New("want hex or text, got both")
	case f.Text != "":
		p.bytes, p.mask = textMask(f.Text, f.Nocase)
	default:
		p.bytes, p.mask, err = hexMask(f.Hex)
	}
	if err == nil {
		p.reply, p.replyM, err = hexMask(f.Reply)
	}
	if err != nil {
		return nil, err
	}
	if p.offset < 0 || p.offset+len(p.bytes) > maxFirst || len(p.reply) > maxFirst {
		return nil, fmt.Errorf("want at most the first %d bytes", maxFirst)
	}
	if l := f.Length; l != nil && (l.Size < 1 || l.Size > 4 || l.At < 0 || l.At+l.Size > maxFirst) {
		return nil, errors.New("length: want size 1 to 4 within the first bytes")
	}
	if len(p.bytes) == 0 && p.length == nil && len(p.contains) == 0 {
		return nil, errors.New("want hex, text, contains or length")
	}
	return p, nil
}

func textMask(s string, nocase bool) (b, mask []byte) {
	b, mask = []byte(s), bytes.Repeat([]byte{0xff}, len(s))
	if nocase {
		for i, c := range b {
			if c|0x20 >= 'a' && c|0x20 <= 'z' {
				b[i], mask[i] = c&0xdf, 0xdf
			}
		}
	}
	return b, mask
}

func hexMask(s string) (b, mask []byte, err error) {
	for _, w := range strings.Fields(s) {
		if w == "??" {
			b, mask = append(b, 0), append(mask, 0)
			continue
		}
		v, err := hex.DecodeString(w)
		if err != nil {
			return nil, nil, fmt.Errorf("hex: want pairs of digits or ??, got %q", w)
		}
		b = append(b, v...)
		mask = append(mask, bytes.Repeat([]byte{0xff}, len(v))...)
	}
	return b, mask, nil
}

// finish puts the more telling patterns first: more fixed bytes win.
func (t *patternTable) finish() {
	weight := func(p *pattern) int {
		n := 2 * len(p.contains)
		for _, m := range p.mask {
			if m != 0 {
				n++
			}
		}
		if p.length != nil {
			n += p.length.Size
		}
		for _, m := range p.replyM {
			if m != 0 {
				n++
			}
		}
		return n
	}
	order := func(a, b *pattern) int { return weight(b) - weight(a) }
	for i := range t.byFirst {
		slices.SortStableFunc(t.byFirst[i], order)
	}
	slices.SortStableFunc(t.other, order)
}

// find returns the pattern that the first bytes b of direction d fit; wait is
// true when one could still fit with more bytes or with the other side's.
func (t *patternTable) find(s *State, d Dir) (best *pattern, wait bool) {
	b := s.first[d][:s.kept[d]]
	if len(b) == 0 {
		return nil, true
	}
	for _, list := range [2][]*pattern{t.byFirst[b[0]], t.other} {
		for _, p := range list {
			ok, more := p.fits(s, d, b)
			if ok {
				return p, false
			}
			wait = wait || more
		}
	}
	return nil, wait
}

// fits decides one pattern; more means that it can't tell yet.
func (p *pattern) fits(s *State, d Dir, b []byte) (ok, more bool) {
	if p.from >= 0 && Dir(p.from) != d {
		return false, false
	}
	if len(p.ports) > 0 && !slices.Contains(p.ports, s.serverPort) && !slices.Contains(p.ports, s.clientPort) {
		return false, false
	}
	if len(b) > p.offset && !agree(b[p.offset:], p.bytes, p.mask) {
		return false, false
	}
	if len(b) < p.offset+len(p.bytes) {
		return false, true
	}
	size := int(s.size[d])
	if p.min > 0 && size < p.min || p.max > 0 && size > p.max {
		return false, size < p.min
	}
	if p.length != nil && !p.length.agrees(b, size) {
		return false, false
	}
	if len(p.contains) > 0 && !bytes.Contains(b, p.contains) {
		return false, len(b) < maxFirst
	}
	if len(p.reply) > 0 {
		o := s.first[d.Opposite()][:s.kept[d.Opposite()]]
		if !agree(o, p.reply, p.replyM) {
			return false, false
		}
		return len(o) >= len(p.reply), len(o) < len(p.reply)
	}
	return true, false
}

// agree compares as many bytes as both have.
func agree(b, want, mask []byte) bool {
	for i := range min(len(b), len(want)) {
		if b[i]&mask[i] != want[i] {
			return false
		}
	}
	return true
}

func (l *lengthField) agrees(b []byte, size int) bool {
	if len(b) < l.At+l.Size {
		return false
	}
	v := 0
	for i := range l.Size {
		if l.Little {
			v |= int(b[l.At+i]) << (8 * i)
		} else {
			v = v<<8 | int(b[l.At+i])
		}
	}
	v += l.Add
	return v == size || l.Most && v < size && v > 0
}
