package detect

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Lint is a kind of complaint about a rule that runs nevertheless.
type Lint uint8

// Kinds of complaint. Those that begin with Never are about rules that no
// traffic can match.
const (
	LintNone            Lint = iota
	LintNoEffect             // a word does nothing here
	LintUnknownClass         // the classtype has no priority
	LintThreshold            // a threshold replaces another of the rule
	LintNoFastPattern        // evaluated for everything of its kind
	LintWeakFastPattern      // one or two bytes are looked for in all payload
	LintShortContent         // one or two bytes are looked for in a buffer
	LintSlowPCRE             // an expression that may give up
	LintNeverContent         // contents that contradict each other, or a size
	LintNeverHeader          // protocols, ports or numbers that don't go together
	LintNeverFlags           // TCP flags that contradict each other
	LintNeverFlowbit         // flowbits that contradict each other
	LintNeverThreshold       // a count that can't be reached
	LintEstablishedSYN       // a connection's first packet is not of an established one
	LintUnsetFlowbit         // no rule sets what this one asks for
	LintDuplicateRule        // two sids, one body
	LintAlertOnly            // drop and reject alert
	numLints
)

// Lints lists every kind.
func Lints() (all []Lint) {
	for l := LintNone + 1; l < numLints; l++ {
		all = append(all, l)
	}
	return all
}

// String returns the kind's name: stable, in lower case, without blanks; ""
// for LintNone.
func (l Lint) String() string {
	return [numLints]string{"", "no-effect", "unknown-classtype", "threshold", "no-fast-pattern",
		"weak-fast-pattern", "short-content", "slow-pcre", "never-content", "never-header", "never-flags",
		"never-flowbit", "never-threshold", "established-syn", "unset-flowbit", "duplicate-rule", "alert-only"}[l]
}

// MarshalText writes the name.
func (l Lint) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// linter looks at the rules of one set, one after the other.
type linter struct {
	rs    *Ruleset
	r     *rule.Rule // at hand
	opts  []rule.Option
	s     *Signature
	found []Verdict
}

// Lint complains about active rules that cannot match, cost much, or do not do
// what they seem to, in the order of the files. files are those that rs was
// compiled from. It looks at nothing but the rules, and takes about as long as
// compiling them.
func (rs *Ruleset) Lint(files []*rule.File) []Verdict {
	active := make(map[rule.Pos]*Signature, len(rs.sigs))
	for _, s := range rs.sigs {
		active[s.Rule.Pos] = s
	}
	l := &linter{rs: rs}
	place := map[string]int{}
	var rules []*rule.Rule
	for i, f := range files {
		place[f.Name] = i
		for _, r := range f.Rules {
			if l.s = active[r.Pos]; l.s == nil || r.Disabled {
				continue
			}
			delete(active, r.Pos) // a file may have been named twice
			rules = append(rules, r)
			l.r, l.opts = r, r.AppendOptions(l.opts[:0])
			before := len(l.found)
			l.never()
			if len(l.found) == before {
				l.speed() // its cost is no matter where it never matches
			}
		}
	}
	l.unset(files, rules)
	l.set(rules)
	slices.SortStableFunc(l.found, func(a, b Verdict) int {
		return cmp.Or(cmp.Compare(place[a.Pos.File], place[b.Pos.File]), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return l.found
}

// add notes a complaint about the rule at hand.
func (l *linter) add(kind Lint, at rule.Pos, reason, hint string) {
	l.about(l.r, kind, at, reason, hint)
}

func (l *linter) about(r *rule.Rule, kind Lint, at rule.Pos, reason, hint string) {
	l.found = append(l.found, Verdict{SID: r.SID, GID: r.GID, Rev: r.Rev, Lint: kind, Pos: at,
		Reason: reason, Hint: hint, Rule: r.Bare()})
}

// speed complains about what a rule costs.
func (l *linter) speed() {
	s := l.s
	switch found := s.found(); {
	case found.costly():
		l.add(LintNoFastPattern, l.r.Pos, "no fast pattern: "+found.String(), l.patternHint())
	case found != foundPattern || len(s.fast.bytes) > 2 || s.fast.kind != fastAnywhere:
	case s.fast.buf.kind != bufPayload:
		l.add(LintShortContent, l.fastPos(), fmt.Sprintf("short content: the prefilter looks for %d bytes, %s", len(s.fast.bytes), s.fast.explain), "a longer content, startswith or bsize makes it rare")
	case s.fast.limit == 0 && !s.smallOnly:
		l.add(LintWeakFastPattern, l.fastPos(), fmt.Sprintf("weak fast pattern: the prefilter looks for %d bytes, %s, in all of it", len(s.fast.bytes), s.fast.explain),
			"add a longer content, or a depth")
	}
	l.eachOp(func(o *op) {
		if o.kind != opPCRE || o.re == nil {
			return
		}
		if why := o.re.Slow(); why != "" {
			l.add(LintSlowPCRE, l.pcrePos(o), "slow expression: "+why, "give it a literal of three bytes or more, or bound the repeats")
		}
	})
}

// patternHint says what would give the rule at hand a fast pattern.
func (l *linter) patternHint() string {
	negated := false
	l.eachOp(func(o *op) { negated = negated || o.kind == opContent && o.has(flagNeg) })
	switch {
	case negated:
		return "a content that must be there; negated ones are not looked for"
	case l.s.kind == kindTx, l.s.kind == kindFrame:
		return "a content in a buffer that the rule tests"
	case l.s.kind == kindIP:
		return "addresses in the header"
	}
	return "a content, TCP flags, or a few destination ports"
}

// eachOp calls f for every test of the rule at hand in a buffer.
func (l *linter) eachOp(f func(*op)) {
	for _, g := range l.s.buffers() {
		for i := range g.ops {
			f(&g.ops[i])
		}
	}
}

// buffers lists the rule's tests by buffer.
func (s *Signature) buffers() []bufTest {
	out := slices.Concat(s.tx, s.frames, s.views)
	if len(s.payload) > 0 {
		out = append(out, bufTest{buf: s.payloadBuf, ops: s.payload})
	}
	if len(s.base64) > 0 {
		out = append(out, bufTest{ops: s.base64})
	}
	return out
}

// fastPos is the place of the content that became the fast pattern.
func (l *linter) fastPos() rule.Pos {
	for _, g := range l.s.buffers() {
		if g.buf == l.s.fast.buf && l.s.fast.ops < len(g.ops) {
			return contentPos(l.r, &g.ops[l.s.fast.ops])
		}
	}
	return l.r.Pos
}

// pcrePos finds the expression that o was made of, or else the rule.
func (l *linter) pcrePos(o *op) rule.Pos {
	for i := range l.opts {
		opt := &l.opts[i]
		if opt.Name != "pcre" {
			continue
		}
		if p, err := rule.ParsePCRE(optionText(opt)); err == nil && p.Expr == o.re.String() {
			return opt.Pos
		}
	}
	return l.r.Pos
}
