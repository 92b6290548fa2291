package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// checkedBit is a flowbit that an active rule asks for.
type checkedBit struct {
	name string
	rule *rule.Rule
	pos  rule.Pos
}

// noteChecked files the flowbits that r asks for.
func (c *compiler) noteChecked(r *rule.Rule) {
	for i := range r.Options {
		o := &r.Options[i]
		if cmd, names := flowbitsOf(o); cmd == "isset" {
			for _, n := range names {
				c.checked = append(c.checked, checkedBit{n, r, o.Pos})
			}
		}
	}
}

// warnUnset complains, once a name, about flowbits that active rules ask for
// and no enabled rule sets: nearly always a typo. Rules that were not
// understood may be the ones that set them, so then it is silent.
func (c *compiler) warnUnset(files []*rule.File) {
	set := map[string]bool{}
	for _, f := range files {
		if f.Refused > 0 {
			return
		}
		for _, r := range f.Rules {
			noteSet(set, r)
		}
	}
	for _, b := range c.checked {
		if set[b.name] {
			continue
		}
		set[b.name] = true // one warning a name
		r := b.rule
		c.rep.Warnings = append(c.rep.Warnings, Verdict{SID: r.SID, GID: r.GID, Rev: r.Rev, Pos: b.pos,
			Reason: fmt.Sprintf("flowbits: no loaded rule sets %q", b.name),
			Hint:   "isset never holds; check the name, or load the rules that set it", Rule: headOf(r)})
	}
}

// noteSet files the flowbits that r may set.
func noteSet(set map[string]bool, r *rule.Rule) {
	if r.Disabled {
		return
	}
	for i := range r.Options {
		if cmd, names := flowbitsOf(&r.Options[i]); cmd == "set" || cmd == "toggle" {
			for _, n := range names {
				set[n] = true
			}
		}
	}
}

// flowbitsOf splits a flowbits option into its command and names; any other
// option has none.
func flowbitsOf(o *rule.Option) (cmd string, names []string) {
	if o.Name != "flowbits" {
		return "", nil
	}
	cmd, arg, _ := strings.Cut(o.Value, ",")
	for n := range strings.SplitSeq(arg, "|") {
		names = append(names, strings.TrimSpace(n))
	}
	return strings.TrimSpace(cmd), names
}
