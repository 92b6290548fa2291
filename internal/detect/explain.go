package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Explain says in a few lines how the engine runs a signature: its head, where
// it can match, how it is found, and what is then tested, in order.
func (rs *Ruleset) Explain(s *Signature) string {
	var b strings.Builder
	kinds := [...]string{"packets and streams", "addresses, once a flow and direction", "transactions", "frames"}
	fmt.Fprintf(&b, "sid %d rev %d: %s\n", s.SID, s.Rev, s.Msg)
	if head, _, ok := strings.Cut(s.Rule.Text, "("); ok {
		fmt.Fprintf(&b, "rule         %s\n", strings.TrimSpace(head))
	}
	fmt.Fprintf(&b, "order        %d of %d, priority %d%s\n", s.id+1, len(rs.sigs), s.Priority, s.ordered())
	fmt.Fprintf(&b, "runs on      %s\n", kinds[s.kind])
	if s.payload != nil {
		fmt.Fprintf(&b, "payload      %s\n", payloadWhere(s))
	}
	if s.appMask != 0 {
		fmt.Fprintf(&b, "protocols    %s\n", strings.Join(rs.protoNames(s), ", "))
	}
	fmt.Fprintf(&b, "directions   %s\n", directions(s))
	fmt.Fprintf(&b, "found by     %s\n", rs.foundBy(s))
	if s.fast.buf != nil {
		fmt.Fprintf(&b, "chosen       %s\n", s.chosen())
		fmt.Fprintf(&b, "prefilter    %s\n", s.prefilter())
	}
	fmt.Fprintf(&b, "groups       %s\n", strings.Join(rs.groups(s), "; "))
	for i := range s.tx {
		explainBuffer(&b, &s.tx[i])
	}
	for i := range s.frames {
		explainBuffer(&b, &s.frames[i])
	}
	for i := range s.views {
		explainBuffer(&b, &s.views[i])
	}
	if s.payload != nil {
		fmt.Fprintf(&b, "buffer       payload: %s\n", describe(s.payload))
	}
	if s.base64 != nil {
		fmt.Fprintf(&b, "buffer       base64_data: %s\n", describe(s.base64))
	}
	rs.explainOptions(&b, s)
	if n := len(s.suppressed); n > 0 {
		fmt.Fprintf(&b, "limit        suppressed for some addresses or all by %d lines of the threshold files\n", n)
	}
	fmt.Fprintf(&b, "cost         %s\n", s.cost())
	return b.String()
}

func explainBuffer(b *strings.Builder, t *bufTest) {
	side := ""
	if t.only != 0 {
		side = " to_server"
		if t.only.Has(toClient) {
			side = " to_client"
		}
	}
	fmt.Fprintf(b, "buffer       %s%s: %s\n", t.buf.name, side, describe(t.ops))
}

func (rs *Ruleset) protoNames(s *Signature) (names []string) {
	for _, i := range apps(s.appMask) {
		names = append(names, rs.cfg.Registry.Descriptors[i].Name)
	}
	return names
}

func payloadWhere(s *Signature) string {
	switch {
	case s.onPacket && s.onStream:
		return "each packet and the stream"
	case s.onStream:
		return "the stream, in chunks; packets where there is no stream"
	}
	return "each packet"
}

func directions(s *Signature) string {
	if s.transactional {
		return "both of one transaction; source is the client"
	}
	var out []string
	for _, d := range [2]Dir{toServer, toClient} {
		if s.dirs.Has(d) {
			out = append(out, d.String())
		}
	}
	return strings.Join(out, ", ")
}

// foundBy says what must be there before the rule is evaluated.
func (rs *Ruleset) foundBy(s *Signature) string {
	kinds := [...]string{"anywhere in it", "as the whole of it", "at its end", "at its start"}
	if s.fast.buf != nil {
		out := fmt.Sprintf("fast pattern %s, %s", s.fast.explain, kinds[s.fast.kind])
		if n := s.fast.limit; s.fast.kind == fastAnywhere && s.atHead() {
			out = fmt.Sprintf("fast pattern %s, in its first %d bytes", s.fast.explain, n)
		}
		return out + rs.sharers(s)
	}
	found := s.found()
	hints := map[foundBy]string{foundTx: "; a content in a buffer would help", foundChunk: "; a content would help",
		foundFrame:  "; a content would help",
		foundPacket: "; a content or a destination port would help"}
	if found == foundFlow || found == foundTxTest || found.costly() {
		return "nothing: " + found.String() + hints[found]
	}
	return found.String()
}

// sharers says how many other rules have the same fast pattern.
func (rs *Ruleset) sharers(s *Signature) string {
	n := 0
	for _, o := range rs.sigs {
		if o != s && o.fast.buf == s.fast.buf && o.fast.kind == s.fast.kind && o.fast.nocase == s.fast.nocase &&
			string(o.fast.bytes) == string(s.fast.bytes) {
			n++
		}
	}
	switch n {
	case 0:
		return ""
	case 1:
		return "; 1 other rule has the same"
	}
	return fmt.Sprintf("; %d other rules have the same", n)
}

// explainOptions lists what the rule asks for besides contents: the flow, the
// packet, bits, and how often it may alert.
func (rs *Ruleset) explainOptions(b *strings.Builder, s *Signature) {
	f, _ := rule.ParseFile(s.Rule.Pos.File, []byte(s.Rule.Text))
	if f == nil || len(f.Rules) != 1 {
		return // not with a text that was compiled
	}
	labels := optionLabels()
	c := newCompiler(&rs.cfg, &Report{})
	for _, o := range f.Rules[0].Options() {
		if _, isBuffer := c.lookup(o.Name).(*buffer); isBuffer {
			continue
		}
		label, known := labels[o.Name]
		if !known {
			label = "test"
		}
		if label != "" {
			fmt.Fprintf(b, "%-12s %s\n", label, optionWritten(&o))
		}
	}
}

// optionLabels names what sort of thing a keyword asks for: "" for those that
// are shown with their buffer or ask for nothing. The others are tests.
func optionLabels() map[string]string {
	out := map[string]string{"pkt_data": "", "flow": "flow", "pcre": "expression", "bypass": "then"}
	for label, list := range map[string][]keyword{
		"":          slices.Concat(metaKeywords(), contentKeywords(), transformKeywords()),
		"bytes":     byteKeywords(),
		"state":     stateKeywords(),
		"limit":     thresholdKeywords(),
		"no effect": noEffectKeywords(),
	} {
		for _, k := range list {
			for _, n := range append(k.aliases, k.name) {
				out[n] = label
			}
		}
	}
	return out
}

// optionWritten is an option as the rule has it.
func optionWritten(o *rule.Option) string {
	switch {
	case !o.HasVal:
		return o.Name
	case o.Neg:
		return o.Name + ":!" + o.Value
	}
	return o.Name + ":" + o.Value
}

// describe lists the tests of a buffer in short.
func describe(ops []op) string {
	names := [...]string{"content", "pcre", "isdataat", "byte_test", "byte_jump", "byte_extract",
		"byte_math", "bsize", "absent", "base64_decode", "entropy", "asn1"}
	var out []string
	for i := range ops {
		o := &ops[i]
		s := names[o.kind]
		if o.has(flagNeg) {
			s = "!" + s
		}
		if o.kind == opContent {
			s += fmt.Sprintf(" %q", o.pattern)
		}
		out = append(out, s+o.place())
	}
	return strings.Join(out, ", ")
}

// place says where a test may hold, in the words of the rule language.
func (o *op) place() string {
	var b strings.Builder
	if o.has(flagNocase) {
		b.WriteString(" nocase")
	}
	for _, m := range []struct {
		flag opFlags
		name string
		n    amount
	}{
		{flagOffset, "offset", o.offset}, {flagDepth, "depth", o.depth},
		{flagDistance, "distance", o.distance}, {flagWithin, "within", o.within},
	} {
		switch {
		case !o.has(m.flag):
		case m.n.ref != 0:
			fmt.Fprintf(&b, " %s (a variable)", m.name)
		default:
			fmt.Fprintf(&b, " %s %d", m.name, m.n.n)
		}
	}
	if o.has(flagEnds) {
		b.WriteString(" endswith")
	}
	if o.has(flagRelative) {
		b.WriteString(" relative")
	}
	return b.String()
}
