package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// iprepTest is one iprep.
type iprepTest struct {
	rep      *Reputation
	side     string // any, src, dst, both
	cat      uint8
	isSet    bool // isset
	isNotSet bool // isnotset
	want     sizeTest
}

func (t *iprepTest) addr(a packet.Addr) bool {
	v, known := t.rep.of(a, t.cat)
	switch {
	case t.isSet:
		return known
	case t.isNotSet:
		// Suricata takes the value 0 for none where one side is asked.
		return !known || v == 0 && (t.side == "src" || t.side == "dst")
	}
	return known && t.want.holds(uint64(v))
}

func (t *iprepTest) holds(c *ctx) bool {
	switch t.side {
	case "src":
		return t.addr(c.src)
	case "dst":
		return t.addr(c.dst)
	case "both":
		return t.addr(c.src) && t.addr(c.dst)
	}
	return t.addr(c.src) || t.addr(c.dst)
}

// parseIPRep reads "side,category,operator,value" or "side,category,isset". With
// nothing else the rule is one on addresses alone: it is asked once for a flow
// and direction.
func parseIPRep(b *builder, opt *rule.Option) error {
	const hint = "iprep:src,BadHosts,>,60"
	a := splitArgs(opt.Value)
	if len(a) < 3 {
		return refuse(fmt.Sprintf("want side, category, operator and value, got %q", opt.Value), hint)
	}
	t := &iprepTest{side: strings.ToLower(a[0])}
	switch t.side {
	case "any", "src", "dst", "both":
	default:
		return refuse(fmt.Sprintf("want any, src, dst or both, got %q", a[0]), hint)
	}
	switch word := strings.ToLower(a[2]); {
	case word == "isset" && len(a) == 3:
		t.isSet = true
	case word == "isnotset" && len(a) == 3:
		t.isNotSet = true
	case len(a) == 4 && word != "":
		var err error
		if t.want, err = parseSize(a[2] + a[3]); err != nil || strings.Trim(a[2], "<>=!") != "" {
			return refuse(fmt.Sprintf("want an operator and a number, got %q", a[2]+a[3]), hint)
		}
	default:
		return refuse(fmt.Sprintf("want an operator and a number, isset or isnotset, got %q", opt.Value), hint)
	}
	var err error
	if t.rep, err = b.reputation(); err != nil {
		return err
	}
	cat, ok := t.rep.names[a[1]]
	if !ok {
		return refuse(fmt.Sprintf("unknown category %q", a[1]), "categories stand in the file of reputation-categories-file")
	}
	t.cat = cat
	b.stateTest(t.holds)
	return nil
}

// reputation returns the lists, read when the first rule asks for them.
func (b *builder) reputation() (*Reputation, error) {
	c := b.c
	if c.reputation != nil {
		return c.reputation, nil
	}
	var r *Reputation
	var err error
	if c.cfg.Reputation != nil {
		r, err = c.cfg.Reputation()
	}
	if err != nil {
		return nil, refuse(err.Error(), "rules.reputation names the files, for inspect --set reputation-categories-file")
	}
	if r == nil {
		return nil, refuse("no reputation lists", "rules.reputation names them, for inspect --set reputation-categories-file and reputation-files")
	}
	if r.SkippedLines > 0 {
		b.warn(fmt.Sprintf("iprep: %d lines of the lists are left out, first %s", r.SkippedLines, r.Skipped[0]), "the other lines count")
	}
	c.rep.Reputation, c.rep.ReputationLines = r.Skipped, r.SkippedLines
	c.filesSum.Write(r.sum)
	c.reputation = r
	return r, nil
}
