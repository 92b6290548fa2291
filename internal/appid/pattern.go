package appid

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// firstBytes is a pattern of the first bytes of one direction, as written.
type firstBytes struct {
	Transport string `yaml:"transport"` // tcp or udp
	From      string `yaml:"from"`      // client, server, or any
	// Hex is the bytes at Offset: pairs of digits, ?? for any byte, blanks
	// between; "3?" leaves the low half open, "??*6" is six times "??". Text is
	// the same as plain text. One of the two, or neither.
	Hex    string `yaml:"hex"`
	Text   string `yaml:"text"`
	Nocase bool   `yaml:"nocase"`
	Offset int    `yaml:"offset"`
	// Contains must occur within the first bytes as well, nocase applies.
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
	// Repeat is how many datagrams of one direction must fit; 0 and 1: one.
	Repeat int `yaml:"repeat"`
	// Serial and Constant say what ties repeated datagrams together: the place
	// of two bytes that count up by one, and of four that stay. 0: none.
	Serial   int `yaml:"serial"`
	Constant int `yaml:"constant"`
	// Keep: a more telling pattern that needs more bytes may replace this one.
	Keep bool `yaml:"keep"`
	// Refines names the decoder that this pattern says more than. Others yield
	// to every decoder that has an application.
	Refines string `yaml:"refines"`
	// Check names a test of structure that bytes can't express; see checks.
	Check string `yaml:"check"`
	// Examples fit the pattern; a test holds them against the whole catalogue.
	Examples []example `yaml:"examples"`
}

// example is the first message of the pattern's direction, and of the other.
type example struct {
	Hex   string `yaml:"hex"`
	Text  string `yaml:"text"`
	Reply string `yaml:"reply"` // as Hex
	Port  uint16 `yaml:"port"`  // the server's, when the pattern wants one
}

// lengthField is a number inside the message that must tell its length.
type lengthField struct {
	At     int  `yaml:"at"`
	Size   int  `yaml:"size"` // 1 to 4 bytes
	Little bool `yaml:"little"`
	Digits bool `yaml:"digits"` // written in hexadecimal digits
	Add    int  `yaml:"add"`    // value + add = length of the message
	Least  int  `yaml:"least"`  // bounds of the value; 0: none
	Limit  int  `yaml:"limit"`
	Most   bool `yaml:"most"` // more messages may follow in the same chunk
}

// maxFirst is how many first bytes of each direction a State keeps.
const maxFirst = 128

// pattern is a compiled firstBytes.
type pattern struct {
	app      *App
	from     int8 // Dir, or -1 for any
	offset   int
	bytes    []byte
	mask     []byte // the bits that count
	contains []byte // upper case when nocase
	nocase   bool
	min, max int
	length   *lengthField
	ports    []uint16
	reply    []byte
	replyM   []byte
	repeat   uint8
	serial   int
	constant int
	keep     bool
	refines  string
	check    func(b []byte, size int) bool
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
	i := 0
	if f.Transport == "udp" {
		i = 1
	}
	if p.refines != "" {
		r := c.refining[p.refines]
		if r == nil {
			r = &refs{}
			c.refining[p.refines] = r
		}
		r[i] = true
	}
	t := &c.patterns[i]
	if p.offset > 0 || len(p.mask) == 0 || p.mask[0] == 0 {
		t.other = append(t.other, p)
		return nil
	}
	for v := range 256 {
		if byte(v)&p.mask[0] == p.bytes[0] {
			t.byFirst[v] = append(t.byFirst[v], p)
		}
	}
	return nil
}

func compilePattern(app *App, f *firstBytes) (*pattern, error) {
	p := &pattern{
		app: app, offset: f.Offset, min: f.MinLen, max: f.MaxLen,
		length: f.Length, ports: f.Ports, contains: []byte(f.Contains), nocase: f.Nocase,
		repeat: uint8(max(1, min(f.Repeat, maxRounds))), serial: f.Serial, constant: f.Constant,
		keep: f.Keep, refines: f.Refines,
	}
	if f.Nocase {
		p.contains = bytes.ToUpper(p.contains)
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
	if err := p.compileBytes(f); err != nil {
		return nil, err
	}
	return p, p.verify(f)
}

func (p *pattern) compileBytes(f *firstBytes) (err error) {
	switch {
	case f.Hex != "" && f.Text != "":
		return errors.New("want hex or text, got both")
	case f.Text != "":
		p.bytes, p.mask = textMask(f.Text, f.Nocase)
	default:
		if p.bytes, p.mask, err = hexMask(f.Hex); err != nil {
			return fmt.Errorf("hex: %w", err)
		}
	}
	if p.reply, p.replyM, err = hexMask(f.Reply); err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	if f.Check != "" {
		if p.check = checkNamed(f.Check); p.check == nil {
			return fmt.Errorf("check: want the name of a check, got %q", f.Check)
		}
	}
	return nil
}

// verify refuses what can't fit, or fits everything.
func (p *pattern) verify(f *firstBytes) error {
	if f.Transport != "tcp" && f.Transport != "udp" {
		return fmt.Errorf("transport: want tcp or udp, got %q", f.Transport)
	}
	if f.Transport == "tcp" && f.Repeat > 1 {
		return errors.New("repeat: want transport udp")
	}
	if p.serial < 0 || p.serial+2 > maxFirst || p.constant < 0 || p.constant+4 > maxFirst ||
		(p.serial > 0 || p.constant > 0) && p.repeat < 2 {
		return errors.New("serial, constant: want places within the first bytes, and repeat")
	}
	if p.offset < 0 || p.offset+len(p.bytes) > maxFirst || len(p.reply) > maxFirst ||
		len(p.contains) > maxFirst {
		return fmt.Errorf("want at most the first %d bytes", maxFirst)
	}
	if l := f.Length; l != nil && (l.Size < 1 || l.Size > 4 || l.At < 0 || l.At+l.Size > maxFirst) {
		return errors.New("length: want size 1 to 4 within the first bytes")
	}
	if p.weight() < minWeight {
		return fmt.Errorf("want at least %d bytes that count", minWeight)
	}
	return nil
}

// minWeight is the least evidence of a pattern; see weight.
const minWeight = 3

// weight counts the bytes that a pattern fixes.
func (p *pattern) weight() int {
	n := 2*len(p.contains) + 2*int(p.repeat-1)
	for _, m := range p.mask {
		if m != 0 {
			n++
		}
	}
	for _, m := range p.replyM {
		if m != 0 {
			n++
		}
	}
	if p.length != nil {
		n += p.length.Size
	}
	if p.max > 0 && p.min == p.max {
		n += 2
	}
	if len(p.ports) > 0 {
		n++
	}
	if p.check != nil {
		n += 4
	}
	return n
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

// hexMask reads a pattern of at most maxFirst bytes.
func hexMask(s string) (b, mask []byte, err error) { return parseHex(s, maxFirst) }

// parseHex reads pairs of digits, where ? leaves four bits open and *N repeats.
func parseHex(s string, limit int) (b, mask []byte, err error) {
	for _, w := range strings.Fields(s) {
		word, times, isTimes := strings.Cut(w, "*")
		n := 1
		if isTimes {
			if n, err = strconv.Atoi(times); err != nil || n < 1 || n > limit {
				return nil, nil, fmt.Errorf("want a number after *, got %q", w)
			}
		}
		if len(word) == 0 || len(word)%2 != 0 || len(b)+n*len(word)/2 > limit {
			return nil, nil, fmt.Errorf("want at most %d pairs of digits or ?, got %q", limit, w)
		}
		v, m, err := hexWord(word)
		if err != nil {
			return nil, nil, err
		}
		for range n {
			b, mask = append(b, v...), append(mask, m...)
		}
	}
	return b, mask, nil
}

func hexWord(word string) (b, mask []byte, err error) {
	for i := 0; i < len(word); i += 2 {
		v, err := strconv.ParseUint(strings.ReplaceAll(word[i:i+2], "?", "0"), 16, 8)
		if err != nil {
			return nil, nil, fmt.Errorf("want pairs of digits or ?, got %q", word)
		}
		b = append(b, byte(v))
		mask = append(mask, nibble(word[i])<<4|nibble(word[i+1]))
	}
	return b, mask, nil
}

// nibble is the mask of one digit.
func nibble(c byte) byte {
	if c == '?' {
		return 0
	}
	return 0xf
}

// finish puts the more telling patterns first: more fixed bytes win.
func (t *patternTable) finish() {
	order := func(a, b *pattern) int { return b.weight() - a.weight() }
	for i := range t.byFirst {
		slices.SortStableFunc(t.byFirst[i], order)
	}
	slices.SortStableFunc(t.other, order)
}

// find returns the pattern that the first bytes of direction d fit; wait is
// true when a better one could still fit with more bytes or with the other
// side's.
func (t *patternTable) find(s *State, d Dir) (best *pattern, wait bool) {
	b := s.first[d][:s.kept[d]]
	if len(b) == 0 {
		return nil, true
	}
	for _, list := range [2][]*pattern{t.byFirst[b[0]], t.other} {
		for _, p := range list {
			if s.decName != "" && p.refines != s.decName || best != nil && p.keep {
				continue
			}
			if d != s.fresh && len(p.reply) == 0 {
				continue // nothing new for it
			}
			ok, more := p.fits(s, d, b)
			if ok && !p.keep {
				return p, false
			}
			if ok {
				best = p
			}
			wait = wait || more
		}
	}
	return best, wait
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
	if size < p.min || p.max > 0 && size > p.max {
		return false, size < p.min
	}
	if p.length != nil {
		if ok, more := p.length.agrees(b, size); !ok {
			return false, more
		}
	}
	if len(p.contains) > 0 && !contains(b, p.contains, p.nocase) {
		return false, len(b) < maxFirst
	}
	if p.check != nil && !p.check(b, size) {
		return false, len(b) < maxFirst
	}
	return p.answered(s, d)
}

// answered looks at the other side, and at how often the pattern fitted.
func (p *pattern) answered(s *State, d Dir) (ok, more bool) {
	if len(p.reply) > 0 {
		o := s.first[d.Opposite()][:s.kept[d.Opposite()]]
		if !agree(o, p.reply, p.replyM) {
			return false, false
		}
		return len(o) >= len(p.reply), len(o) < len(p.reply)
	}
	if p.repeat <= 1 {
		return true, false
	}
	if s.fresh == d {
		s.repeat(p, d)
	}
	return s.repeats[d] >= p.repeat, s.repeats[d] < p.repeat
}

// repeat counts one more datagram of direction d that fits p; one that does not
// follow the last begins anew.
func (s *State) repeat(p *pattern, d Dir) {
	serial, constant := p.ties(s.first[d][:s.kept[d]])
	if s.repeated[d] == p && p.serial > 0 && serial == s.serial[d] && constant == s.constant[d] && s.repeats[d] > 0 {
		return // a copy: two mirrors may show one packet
	}
	if s.repeated[d] != p || p.serial > 0 && serial != s.serial[d]+1 || p.constant > 0 && constant != s.constant[d] {
		s.repeated[d], s.repeats[d] = p, 0
	}
	s.serial[d], s.constant[d] = serial, constant
	s.repeats[d]++
}

// ties reads what ties a datagram to the last one.
func (p *pattern) ties(b []byte) (serial uint16, constant uint32) {
	if p.serial > 0 && p.serial+2 <= len(b) {
		serial = uint16(b[p.serial])<<8 | uint16(b[p.serial+1])
	}
	if p.constant > 0 && p.constant+4 <= len(b) {
		for _, c := range b[p.constant : p.constant+4] {
			constant = constant<<8 | uint32(c)
		}
	}
	return serial, constant
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

// contains looks for want, which is upper case when nocase.
func contains(b, want []byte, nocase bool) bool {
	if !nocase {
		return bytes.Contains(b, want)
	}
	for i := 0; i+len(want) <= len(b); i++ {
		j := 0
		for j < len(want) && upper(b[i+j]) == want[j] {
			j++
		}
		if j == len(want) {
			return true
		}
	}
	return false
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// agrees holds the field against the size of what was seen.
func (l *lengthField) agrees(b []byte, size int) (ok, more bool) {
	if len(b) < l.At+l.Size {
		return false, true
	}
	v, ok := l.value(b[l.At : l.At+l.Size])
	if !ok || v < l.Least || l.Limit > 0 && v > l.Limit {
		return false, false
	}
	v += l.Add
	return v == size || l.Most && v < size && v > 0, v > size
}

func (l *lengthField) value(b []byte) (v int, ok bool) {
	for i, c := range b {
		switch {
		case l.Digits:
			d := strings.IndexByte("0123456789abcdef", c|0x20)
			if c < '0' || d < 0 {
				return 0, false
			}
			v = v<<4 | d
		case l.Little:
			v |= int(c) << (8 * i)
		default:
			v = v<<8 | int(c)
		}
	}
	return v, true
}
