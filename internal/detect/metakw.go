package detect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func metaKeywords() []keyword {
	ok := func(*builder, *rule.Option) error { return nil }
	return []keyword{
		// The rule's parser has read these.
		{name: "sid", parse: ok}, {name: "gid", parse: ok}, {name: "rev", parse: ok},
		{name: "msg", parse: ok},
		{name: "classtype", parse: parseClasstype},
		{name: "priority", parse: parsePriority},
		{name: "reference", parse: parseReference},
		{name: "metadata", parse: parseMetadata},
		{name: "target", parse: parseTarget},
		{name: "requires", parse: ok}, // see requirements
		{name: "noalert", arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			b.s.NoAlert = true
			return nil
		}},
		{name: "alert", arg: argNone, parse: ok},
		{name: "config", parse: parseConfig},
	}
}

// parseConfig reads "logging disable, type tx, scope tx": the transaction's own
// record is not written; its files, events and alerts are. Other types and
// scopes are read and do nothing, as in Suricata.
func parseConfig(b *builder, opt *rule.Option) error {
	want := [3][]string{{"logging disable", "tracking disable"}, {"type tx", "type flow"}, {"scope tx", "scope flow"}}
	a := splitArgs(opt.Value)
	for i, w := range a {
		a[i] = strings.Join(strings.Fields(w), " ")
		if i >= len(want) || !slices.Contains(want[i], a[i]) {
			return refuse(fmt.Sprintf("got %q", w), "config:logging disable, type tx, scope tx")
		}
	}
	if len(a) != len(want) {
		return refuse("want subsystem, type, scope", "config:logging disable, type tx, scope tx")
	}
	if a[0] != want[0][0] || a[1] != want[1][0] || a[2] != want[2][0] {
		b.warn("config: no effect here: "+strings.Join(a, ", "), "logging disable, type tx, scope tx has one")
		return nil
	}
	b.after(func(c *ctx) {
		if c.txNow != nil {
			c.txNow.Base().Logged = proto.LogAll
		}
	})
	return nil
}

func parseClasstype(b *builder, opt *rule.Option) error {
	name := strings.TrimSpace(rule.Unquote(opt.Value))
	b.s.Classtype = name
	c, known := b.c.classes[name]
	if !known {
		b.lint(LintUnknownClass, fmt.Sprintf("classtype: unknown %q", name), "the rule gets priority 3")
		return nil
	}
	b.s.Category = c.Description
	if !b.prioGiven {
		b.s.Priority = c.Priority
	}
	return nil
}

func parsePriority(b *builder, opt *rule.Option) error {
	n, err := strconv.Atoi(strings.TrimSpace(opt.Value))
	if err != nil || n < 1 || n > 255 {
		return refuse(fmt.Sprintf("want 1 to 255, got %q", opt.Value), "")
	}
	b.s.Priority, b.prioGiven = n, true
	return nil
}

func parseReference(b *builder, opt *rule.Option) error {
	kind, v, ok := strings.Cut(rule.Unquote(opt.Value), ",")
	if !ok {
		return refuse(fmt.Sprintf("want type,value, got %q", opt.Value), "")
	}
	b.s.References = append(b.s.References, [2]string{
		strings.ToLower(strings.TrimSpace(kind)), strings.TrimSpace(v)})
	return nil
}

func parseMetadata(b *builder, opt *rule.Option) error {
	b.s.Metadata = slices.Grow(b.s.Metadata, 1+strings.Count(opt.Value, ","))
	for kv := range strings.SplitSeq(opt.Value, ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(kv), " ")
		if k != "" {
			b.s.Metadata = append(b.s.Metadata, [2]string{k, strings.TrimSpace(v)})
		}
	}
	return nil
}

func parseTarget(b *builder, opt *rule.Option) error {
	switch v := strings.TrimSpace(opt.Value); v {
	case "src_ip", "dest_ip":
		b.s.Target = v
		return nil
	default:
		return refuse(fmt.Sprintf("want src_ip or dest_ip, got %q", v), "")
	}
}
