package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// unset complains, once a name, about flowbits that active rules ask for
// and no enabled rule sets: nearly always a typo. Rules that were not
// understood may be the ones that set them, so then it is silent.
func (l *linter) unset(files []*rule.File, active []*rule.Rule) {
	set := map[string]bool{}
	for _, f := range files {
		if f.Refused > 0 {
			return
		}
		for _, r := range f.Rules {
			noteSet(set, r)
		}
	}
	for _, r := range active {
		l.unsetIn(r, set)
	}
}

// unsetIn complains about what r asks for and is not in set.
func (l *linter) unsetIn(r *rule.Rule, set map[string]bool) {
	opts := r.Options()
	for i := range opts {
		o := &opts[i]
		cmd, names := flowbitsOf(o)
		if cmd != "isset" {
			continue
		}
		for _, n := range names {
			if set[n] {
				continue
			}
			set[n] = true // one complaint a name
			l.about(r, LintUnsetFlowbit, o.Pos, fmt.Sprintf("flowbits: no loaded rule sets %q", n),
				"isset never holds; check the name, or load the rules that set it")
		}
	}
}

// noteSet files the flowbits that r may set.
func noteSet(set map[string]bool, r *rule.Rule) {
	if r.Disabled {
		return
	}
	opts := r.Options()
	for i := range opts {
		if cmd, names := flowbitsOf(&opts[i]); cmd == "set" || cmd == "toggle" {
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
