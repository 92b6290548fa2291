package detect

import (
	"fmt"
	"strings"
)

// Explain says in a few lines how the engine runs a signature: its kind, where
// it can match, its fast pattern and the tests on each buffer.
func (rs *Ruleset) Explain(s *Signature) string {
	var b strings.Builder
	kinds := [...]string{"packets and streams", "addresses, once a flow and direction", "transactions"}
	fmt.Fprintf(&b, "sid %d rev %d: %s\n", s.SID, s.Rev, s.Msg)
	fmt.Fprintf(&b, "order        %d of %d, priority %d\n", s.id+1, len(rs.sigs), s.Priority)
	fmt.Fprintf(&b, "runs on      %s\n", kinds[s.kind])
	if s.payload != nil {
		fmt.Fprintf(&b, "payload      %s\n", payloadWhere(s))
	}
	if s.appMask != 0 {
		var names []string
		for _, i := range apps(s.appMask) {
			names = append(names, rs.cfg.Registry.Descriptors[i].Name)
		}
		fmt.Fprintf(&b, "protocols    %s\n", strings.Join(names, ", "))
	}
	fmt.Fprintf(&b, "directions   %s\n", directions(s))
	if s.fast.buf == nil {
		b.WriteString("fast pattern none: evaluated for every packet or transaction of its kind\n")
	} else {
		kinds := [...]string{"literal set", "exact table", "suffix table", "prefix table"}
		fmt.Fprintf(&b, "fast pattern %s, %s\n", s.fast.explain, kinds[s.fast.kind])
	}
	for i := range s.tx {
		fmt.Fprintf(&b, "buffer       %s: %s\n", s.tx[i].buf.name, describe(s.tx[i].ops))
	}
	for i := range s.views {
		fmt.Fprintf(&b, "buffer       %s: %s\n", s.views[i].buf.name, describe(s.views[i].ops))
	}
	if s.payload != nil {
		fmt.Fprintf(&b, "buffer       payload: %s\n", describe(s.payload))
	}
	for i := range s.txTests {
		fmt.Fprintf(&b, "test         %s\n", s.txTests[i].name)
	}
	return b.String()
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
	var out []string
	for _, d := range [2]Dir{toServer, toClient} {
		if s.dirs.Has(d) {
			out = append(out, d.String())
		}
	}
	return strings.Join(out, ", ")
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
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}
