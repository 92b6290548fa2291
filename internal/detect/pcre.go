package detect

import (
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// parsePCRE reads "/expression/flags" and the names that its groups are kept
// under.
func parsePCRE(b *builder, opt *rule.Option) error {
	p, err := rule.ParsePCRE(optionText(opt))
	if err != nil {
		return err
	}
	n := op{kind: opPCRE}
	if p.Neg || opt.Neg {
		n.flags |= flagNeg
	}
	var flags match.RegexpFlags
	var g *group
	for i := range len(p.Flags) {
		switch c := p.Flags[i]; c {
		case 'i':
			flags |= match.Caseless
		case 's':
			flags |= match.DotAll
		case 'm':
			flags |= match.Multiline
		case 'x':
			flags |= match.Extended
		case 'A':
			flags |= match.Anchored
		case 'E':
			flags |= match.DollarEndOnly
		case 'G':
			flags |= match.Ungreedy
		case 'R':
			n.flags |= flagRelative
		case 'B', 'O':
		default:
			buf := b.c.bufs.letter[c]
			if buf == nil {
				return b.pcreLetter(c)
			}
			g = b.groupFor(buf)
		}
	}
	if n.re, err = b.c.regexp(p.Expr, flags); err != nil {
		return refuse(err.Error(), "")
	}
	if err := b.captures(&p, &n); err != nil {
		return err
	}
	if g == nil {
		return b.addOp(n)
	}
	return b.addOpTo(g, n)
}

func (b *builder) pcreLetter(c byte) error {
	for _, http := range []byte("UIPQHDMCSYVW") {
		if c == http {
			return needProto("http")
		}
	}
	return refuse(fmt.Sprintf("unknown flag %q", string(rune(c))), "")
}

// regexpKey identifies equal expressions: a third of ET's are repeats.
type regexpKey struct {
	expr  string
	flags match.RegexpFlags
}

func (c *compiler) regexp(expr string, flags match.RegexpFlags) (*match.Regexp, error) {
	key := regexpKey{expr, flags}
	if re, ok := c.regexps[key]; ok {
		return re, nil
	}
	re, err := match.CompileRegexp(expr, flags)
	if err != nil {
		return nil, err
	}
	c.regexps[key] = re
	return re, nil
}
