package detect

import (
	"fmt"
	"slices"
	"strings"
)

// Fast is a signature's fast pattern, for people and programs.
type Fast struct {
	Buffer string `json:"buffer"`
	// Pattern is the text in the rule language's notation: printable bytes as
	// they are, others in |hex|.
	Pattern string `json:"pattern"`
	Nocase  bool   `json:"nocase,omitempty"`
	// Prefilter says which structure looks for it.
	Prefilter string `json:"prefilter"`
}

// Fast returns what the prefilter looks for, or nil where there is no such
// pattern.
func (s *Signature) Fast() *Fast {
	f := &s.fast
	if f.buf == nil {
		return nil
	}
	return &Fast{Buffer: f.buf.name, Pattern: writePattern(f.bytes), Nocase: f.nocase, Prefilter: s.prefilter()}
}

// Buffers names the buffers that the rule tests, each once, in order.
func (s *Signature) Buffers() (names []string) {
	for _, g := range s.buffers() {
		name := "base64_data"
		if g.buf != nil {
			name = g.buf.name
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// FoundBy says in a few words what is looked up before the rule is evaluated.
func (s *Signature) FoundBy() string { return s.found().String() }

// Protocols names the application protocols that the rule is about: none when
// it is about packets and streams of any.
func (rs *Ruleset) Protocols(s *Signature) []string { return rs.protoNames(s) }

// writePattern writes bytes as a content's value has them.
func writePattern(pat []byte) string {
	var b strings.Builder
	hex := false
	for _, c := range pat {
		plain := c >= ' ' && c < 0x7f && strings.IndexByte(`"|;\:`, c) < 0
		switch {
		case plain && hex:
			b.WriteByte('|')
		case !plain && !hex:
			b.WriteByte('|')
		case !plain:
			b.WriteByte(' ')
		}
		if hex = !plain; hex {
			fmt.Fprintf(&b, "%02x", c)
		} else {
			b.WriteByte(c)
		}
	}
	if hex {
		b.WriteByte('|')
	}
	return b.String()
}

// prefilter names the structure that looks for the fast pattern; litBuilder
// files it so.
func (s *Signature) prefilter() string {
	f := &s.fast
	switch {
	case f.kind == fastExact:
		return "table of whole buffers"
	case f.kind == fastSuffix:
		return "table of endings"
	case f.kind == fastPrefix:
		return "table of beginnings"
	case f.buf.kind != bufPayload:
		return "literal set"
	case s.place() == inSmall:
		return fmt.Sprintf("literal set of payloads up to %d bytes", smallBytes)
	case s.place() == inHead:
		return fmt.Sprintf("literal set of the first %d bytes", headBytes)
	}
	return "literal set"
}

// chosen says why the fast pattern is the one that it is.
func (s *Signature) chosen() string {
	var picked *op
	candidates, marked := 0, []byte(nil)
	for _, g := range s.buffers() {
		for i := range g.ops {
			o := &g.ops[i]
			if o.kind != opContent || o.has(flagNeg) || g.buf == nil {
				continue
			}
			candidates++
			if o.has(flagFastPattern) && marked == nil {
				marked = o.pattern
			}
			if g.buf == s.fast.buf && i == s.fast.ops && picked == nil {
				picked = o
			}
		}
	}
	switch {
	case picked == nil:
		return ""
	case picked.has(flagFastPattern):
		return "it is marked fast_pattern"
	case candidates > 1 && s.fast.rare && s.atHead():
		return "few rules have it near the start: the rest of the payload need not be searched"
	case marked != nil:
		return fmt.Sprintf("%q is marked fast_pattern, but too short to be looked for in all payload", marked)
	case candidates == 1:
		return "the only content that must be there"
	case s.fast.kind == fastExact || s.fast.kind == fastSuffix:
		return fmt.Sprintf("of %d contents the one with a fixed place, which a table answers", candidates)
	}
	return fmt.Sprintf("the strongest of %d contents: length, rare bytes, and buffers scanned once count", candidates)
}

// groups says for what s is looked for at all: classes of packets, streams, or
// directions of protocols with the state from which their buffer is there.
func (rs *Ruleset) groups(s *Signature) []string {
	var out []string
	switch s.found() {
	case foundAddress, foundFlow:
		return []string{"the first packet of a flow and direction"}
	case foundDecode:
		return []string{"packets with decoder events"}
	case foundStream:
		return []string{"packets with stream events"}
	}
	for d := range 2 {
		switch {
		case !s.dirs.Has(Dir(d)):
		case s.kind == kindTx:
			out = append(out, rs.txGroups(s, Dir(d))...)
		case s.kind == kindFrame:
			for _, name := range rs.protoNames(s) {
				out = append(out, name+" frames "+Dir(d).String())
			}
		default:
			out = append(out, s.packetGroups(Dir(d))...)
		}
	}
	return out
}

func (s *Signature) packetGroups(d Dir) (out []string) {
	names := [numClasses]string{"tcp", "udp", "icmp", "other"}
	for _, c := range s.classes {
		if c != classTCP || s.onPacket || s.payload == nil {
			out = append(out, names[c]+" packets "+d.String())
		}
	}
	if s.onStream && slices.Contains(s.classes, classTCP) {
		out = append(out, "stream "+d.String())
	}
	return out
}

func (rs *Ruleset) txGroups(s *Signature, d Dir) (out []string) {
	for _, i := range apps(s.appMask) {
		desc := rs.cfg.Registry.Descriptors[i]
		name := desc.Name + " " + d.String()
		switch {
		case s.fast.buf == nil:
			out = append(out, name)
		case s.fast.buf.impls[d][i].ok:
			im := s.fast.buf.impls[d][i]
			if states := desc.States[d]; int(im.progress) < len(states) {
				name += " from " + states[im.progress]
			}
			if im.stream {
				name += ", as it grows"
			}
			out = append(out, name)
		}
	}
	return out
}

// ordered says what flowbits and the like make of the rule's place.
func (s *Signature) ordered() string {
	switch w, r := len(s.bits.writes) > 0, len(s.bits.reads) > 0; {
	case w && r:
		return "; sets state, behind the rules that set what it reads"
	case w:
		return "; sets state, before the rules that read it"
	case r:
		return "; reads state, behind the rules that set it"
	}
	return ""
}

// cost sums up what evaluating the rule takes.
func (s *Signature) cost() string {
	contents, expressions, others, slow := 0, 0, len(s.tests)+len(s.txTests), ""
	for _, g := range s.buffers() {
		for i := range g.ops {
			switch o := &g.ops[i]; o.kind {
			case opContent:
				contents++
			case opPCRE:
				expressions++
				if why := o.re.Slow(); why != "" {
					slow = "; an expression may be given up: " + why
				}
			default:
				others++
			}
		}
	}
	how := "cheap"
	switch found := s.found(); {
	case found.costly() && expressions > 0, slow != "":
		how = "dear"
	case found.costly(), expressions > 0, s.fast.buf != nil && len(s.fast.bytes) <= 2 && s.fast.kind == fastAnywhere:
		how = "moderate"
	}
	return fmt.Sprintf("%s; when found: contents %d, expressions %d, other tests %d%s", how, contents, expressions, others, slow)
}
