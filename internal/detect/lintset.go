package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// set complains about what only the active rules together show.
func (l *linter) set(rules []*rule.Rule) {
	bodies := map[string]*rule.Rule{}
	var b strings.Builder
	var first *rule.Rule
	var words [2]int // drop, reject
	for _, r := range rules {
		b.Reset()
		writeBody(&b, r)
		if old := bodies[b.String()]; old == nil {
			bodies[b.String()] = r
		} else {
			l.about(r, LintDuplicateRule, optionPos(r, "sid"), fmt.Sprintf("the same rule as sid %d at %s", old.SID, old.Pos),
				"both alert for the same traffic; remove or disable one")
		}
		if r.Action == rule.ActionDrop || r.Action == rule.ActionReject {
			if first == nil {
				first = r
			}
			words[r.Action-rule.ActionDrop]++
		}
	}
	if first != nil {
		l.about(first, LintAlertOnly, first.Pos, fmt.Sprintf("%d rules say drop and %d reject; here they alert", words[0], words[1]),
			"a mirror shows copies: nothing is dropped, and no record claims so")
	}
}

// writeBody writes all of r that decides what it matches and does, in one form.
func writeBody(b *strings.Builder, r *rule.Rule) {
	fmt.Fprintf(b, "%d %s:%s %s %s %t%t %s %s", r.Action, strings.ToLower(r.Proto), r.Hook,
		r.Src, r.SrcPorts, r.Both, r.Transactional, r.Dst, r.DstPorts)
	opts := r.Options()
	for i := range opts {
		o := &opts[i]
		switch o.Name {
		case "sid", "gid", "rev", "msg", "reference", "metadata", "classtype", "priority", "target", "requires":
		default:
			b.WriteByte(' ')
			b.WriteString(o.String())
		}
	}
}
