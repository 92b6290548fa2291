package detect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// maxOps bounds the tests of one buffer in one rule, and so the depth of
// backtracking.
const maxOps = 256

func contentKeywords() []keyword {
	return []keyword{
		{name: "content", parse: parseContent},
		{name: "uricontent", parse: parseURIContent},
		{name: "nocase", arg: argNone, parse: onContent(func(o *op) { o.flags |= flagNocase })},
		{name: "rawbytes", arg: argNone, parse: onContent(func(*op) {})},
		{name: "startswith", arg: argNone, parse: onContent(func(o *op) { o.flags |= flagStarts })},
		{name: "endswith", arg: argNone, parse: onContent(func(o *op) { o.flags |= flagEnds })},
		{name: "offset", parse: parseAmount(flagOffset, func(o *op, a amount) { o.offset = a })},
		{name: "depth", parse: parseAmount(flagDepth, func(o *op, a amount) { o.depth = a })},
		{name: "distance", parse: parseAmount(flagDistance, func(o *op, a amount) { o.distance = a })},
		{name: "within", parse: parseAmount(flagWithin, func(o *op, a amount) { o.within = a })},
		{name: "fast_pattern", arg: argOptional, parse: parseFastPattern},
		{name: "prefilter", arg: argNone, parse: parsePrefilter},
		{name: "replace", parse: func(b *builder, o *rule.Option) error {
			return refuse("replace: traffic can't be changed here", "Mirrorwall sees a copy of the traffic")
		}},
		{name: "isdataat", parse: parseIsDataAt},
		{name: "bsize", parse: parseBsize},
		{name: "absent", arg: argOptional, parse: parseAbsent},
		{name: "entropy", parse: parseEntropy},
		{name: "asn1", parse: parseASN1},
	}
}

func parseContent(b *builder, o *rule.Option) error {
	pat, neg, err := rule.ParseContent(optionText(o))
	if err != nil {
		return err
	}
	return b.addContent(pat, neg || o.Neg)
}

func parseURIContent(b *builder, o *rule.Option) error {
	buf := b.c.bufs.modifier["http_uri"]
	if buf == nil {
		return needProto("http")
	}
	cur := b.cur
	b.cur = b.groupFor(buf)
	err := parseContent(b, o)
	b.cur = cur
	return err
}

func (b *builder) addContent(pat []byte, neg bool) error {
	if len(pat) == 0 {
		return refuse("content: empty", "give at least one byte")
	}
	if len(pat) > 8192 {
		return refuse("content: longer than 8192 bytes", "")
	}
	n := op{kind: opContent, pattern: pat}
	if neg {
		n.flags |= flagNeg
	}
	return b.addOp(n)
}

// lastContent is the content that modifiers mean: the last one of the rule,
// whatever stands between.
func (b *builder) lastContent() (*op, error) {
	if b.lastGroup == nil {
		return nil, refuse("no content before it", "a modifier follows the content that it modifies")
	}
	return &b.lastGroup.ops[b.lastIndex], nil
}

func onContent(f func(*op)) func(*builder, *rule.Option) error {
	return func(b *builder, _ *rule.Option) error {
		o, err := b.lastContent()
		if err != nil {
			return err
		}
		f(o)
		return nil
	}
}

func parseAmount(flag opFlags, set func(*op, amount)) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		o, err := b.lastContent()
		if err != nil {
			return err
		}
		a, err := b.amount(opt.Value)
		if err != nil {
			return err
		}
		if a.ref == 0 && a.n < 0 && flag != flagDistance {
			return refuse(fmt.Sprintf("want a positive number, got %q", opt.Value), "")
		}
		if o.has(flag) {
			return refuse("given twice for one content", "")
		}
		o.flags |= flag
		set(o, a)
		return nil
	}
}

// amount reads a number or the name of an extracted variable.
func (b *builder) amount(s string) (amount, error) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		if n < -65536 || n > 1<<24 {
			return amount{}, refuse(fmt.Sprintf("want a number up to 16777216, got %q", s), "")
		}
		return amount{n: int32(n)}, nil
	}
	if i := b.varIndex(s); i >= 0 {
		return amount{ref: int8(i + 1)}, nil
	}
	return amount{}, refuse(fmt.Sprintf("want a number or a variable, got %q", s),
		"variables come from byte_extract or byte_math before")
}

func parseFastPattern(b *builder, opt *rule.Option) error {
	o, err := b.lastContent()
	if err != nil {
		return err
	}
	o.flags |= flagFastPattern
	v := strings.TrimSpace(opt.Value)
	switch {
	case v == "":
	case v == "only":
		o.flags |= flagFastPatternOnly
	default:
		off, n, ok := strings.Cut(v, ",")
		i, err1 := strconv.Atoi(strings.TrimSpace(off))
		j, err2 := strconv.Atoi(strings.TrimSpace(n))
		if !ok || err1 != nil || err2 != nil || i < 0 || j < 1 || i+j > len(o.pattern) {
			return refuse(fmt.Sprintf("want only or offset,length inside the content, got %q", v), "")
		}
		o.fpOff, o.fpLen = i, j
	}
	return nil
}

// parsePrefilter makes the content before it the fast pattern; after any other
// keyword there is nothing to do, those lists are short.
func parsePrefilter(b *builder, _ *rule.Option) error {
	if o, err := b.lastContent(); err == nil && !b.lastWasOther {
		o.flags |= flagFastPattern
	}
	return nil
}

func parseIsDataAt(b *builder, opt *rule.Option) error {
	n := op{kind: opIsDataAt, x: &opExtra{}}
	v := strings.TrimSpace(opt.Value)
	if opt.Neg {
		n.flags |= flagNeg
	}
	if s, ok := strings.CutPrefix(v, "!"); ok {
		v, n.flags = s, n.flags|flagNeg
	}
	parts := strings.Split(v, ",")
	var err error
	if n.x.at, err = b.amount(parts[0]); err != nil {
		return err
	}
	for _, p := range parts[1:] {
		switch strings.TrimSpace(p) {
		case "relative":
			n.flags |= flagRelative
		case "rawbytes":
		default:
			return refuse(fmt.Sprintf("want relative or rawbytes, got %q", p), "")
		}
	}
	return b.addOp(n)
}

func parseBsize(b *builder, opt *rule.Option) error {
	t, err := parseSize(opt.Value)
	if err != nil {
		return err
	}
	g := b.target()
	if g.buf.kind == bufPayload {
		return refuse("bsize: no sticky buffer before it", "use dsize for the packet's payload")
	}
	return b.addOp(op{kind: opSize, x: &opExtra{size: t}})
}

func parseAbsent(b *builder, opt *rule.Option) error {
	g := b.target()
	if g.buf.kind != bufTx {
		return refuse("absent: no sticky buffer before it", "")
	}
	n := op{kind: opAbsent}
	switch strings.TrimSpace(opt.Value) {
	case "":
	case "or_else":
		n.flags |= flagAbsentOr
	default:
		return refuse(fmt.Sprintf("absent: want nothing or or_else, got %q", opt.Value), "")
	}
	return b.addOp(n)
}

// finishContent checks a content's modifiers together and compiles it. The
// checks are those that Suricata makes when it loads a rule.
func finishContent(o *op, g *group) error {
	if o.has(flagStarts) {
		if o.has(flagDepth|flagOffset|flagDistance|flagWithin) && !startsRedundant(o) {
			return refuse("startswith: with depth, offset, distance or within", "use one or the other")
		}
		if !o.has(flagDepth) {
			o.flags |= flagDepth
			o.depth = amount{n: int32(len(o.pattern))}
		}
	}
	if o.has(flagDepth|flagOffset) && o.has(flagDistance|flagWithin) {
		return refuse("depth or offset with distance or within", "use the one or the other pair")
	}
	n := int32(len(o.pattern))
	if o.has(flagDepth) && o.depth.ref == 0 && o.depth.n < n {
		return refuse(fmt.Sprintf("depth: %d is less than the content's length %d", o.depth.n, n), "")
	}
	if o.has(flagWithin) && o.within.ref == 0 && o.within.n < n {
		return refuse(fmt.Sprintf("within: %d is less than the content's length %d", o.within.n, n), "")
	}
	if o.has(flagFastPatternOnly) && o.flags&(flagNeg|flagDepth|flagOffset|flagAnyRelative) != 0 {
		return refuse("fast_pattern:only with positions or negation", "write fast_pattern")
	}
	if g.buf.check != nil {
		if err := g.buf.check(o.pattern, o.has(flagNocase)); err != nil {
			return refuse(err.Error(), "")
		}
	}
	o.lit = match.NewLiteral(o.pattern, o.has(flagNocase))
	return nil
}

// startsRedundant allows startswith beside the depth that means the same.
func startsRedundant(o *op) bool {
	return o.flags&(flagOffset|flagDistance|flagWithin) == 0 && o.depth.ref == 0 &&
		o.depth.n == int32(len(o.pattern))
}
