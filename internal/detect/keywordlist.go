package detect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Keyword is one word of the rule language, and what becomes of rules with it.
type Keyword struct {
	Name string
	// Kind is "keyword", "buffer" (sticky) or "modifier" (of the content before
	// it).
	Kind string
	// Protocols have it, in the order of the registry; nil means a general one.
	Protocols []string
	// State is Refused for a word that is not for here, Inactive for one of a
	// protocol without a parser.
	State State
	// Reason is why it is not active, or has no effect.
	Reason string
}

// Keywords lists the language with the protocols of r, by name. Words of
// protocols without a parser stand as "smb.*" where they share a prefix.
func Keywords(r *proto.Registry) []Keyword {
	c := newCompiler(&Config{Registry: r}, &Report{})
	var out []Keyword
	for name, k := range c.words {
		w := Keyword{Name: name, Kind: "keyword", Reason: k.idle}
		if k.no != "" {
			w.State, w.Reason = Refused, k.no
		}
		out = append(out, w)
	}
	for name, b := range c.bufs.sticky {
		out = append(out, Keyword{Name: name, Kind: "buffer", Protocols: c.protoNames(b.protos(proto.MaskBoth))})
	}
	for name, b := range c.bufs.modifier {
		if c.bufs.sticky[name] == nil {
			out = append(out, Keyword{Name: name, Kind: "modifier", Protocols: c.protoNames(b.protos(proto.MaskBoth))})
		}
	}
	for name, list := range c.protoKW {
		var mask uint64
		for _, k := range list {
			mask |= 1 << k.idx
		}
		out = append(out, Keyword{Name: name, Kind: "keyword", Protocols: c.protoNames(mask)})
	}
	out = append(out, c.foreign()...)
	slices.SortFunc(out, func(a, b Keyword) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind))
	})
	return out
}

func (c *compiler) protoNames(mask uint64) (out []string) {
	for _, i := range apps(mask) {
		out = append(out, c.cfg.Registry.Descriptors[i].Name)
	}
	return out
}

// foreign lists the words of protocols that have no parser here.
func (c *compiler) foreign() (out []Keyword) {
	add := func(name, p string) {
		if _, ok := c.cfg.Registry.ByName(p); !ok {
			out = append(out, Keyword{Name: name, Kind: "keyword", Protocols: []string{p}, State: Inactive, Reason: "no parser for " + p})
		}
	}
	for prefix, p := range foreignPrefixes() {
		add(prefix+".*", p)
	}
	for word, p := range foreignWords() {
		prefix, _, dotted := strings.Cut(word, ".")
		if !dotted || foreignPrefixes()[prefix] == "" {
			add(word, p)
		}
	}
	return out
}
