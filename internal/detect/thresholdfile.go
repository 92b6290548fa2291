package detect

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// suppression silences a rule for some addresses, or for all.
type suppression struct {
	addrs  *rule.AddrSet // nil: all
	track  trackBy
	either bool
}

// thresholdLine is one line of a threshold file (Suricata's threshold.config).
type thresholdLine struct {
	verb     string
	gid, sid uint32
	limit    threshold
	sup      suppression
}

// applyThresholds reads Config.Thresholds and attaches what it says to the
// signatures. A bad line becomes a warning and is left out.
func (rs *Ruleset) applyThresholds(c *compiler) {
	sc := bufio.NewScanner(bytes.NewReader(c.cfg.Thresholds))
	for n := 1; sc.Scan(); n++ {
		text, _, _ := strings.Cut(sc.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		l, err := c.thresholdLine(text)
		if err != nil {
			c.rep.Warnings = append(c.rep.Warnings, Verdict{
				Lint: LintThreshold, Pos: rule.Pos{File: "threshold file", Line: n, Column: 1},
				Reason: err.Error(), Hint: "the line is left out"})
			continue
		}
		for _, s := range rs.sigs {
			if (l.gid == 0 || l.gid == s.GID) && (l.sid == 0 || l.sid == s.SID) {
				s.applyThreshold(&l)
			}
		}
	}
}

// applyThreshold attaches one line. A line for all rules leaves those with a
// threshold of their own as they are.
func (s *Signature) applyThreshold(l *thresholdLine) {
	if l.verb == "suppress" {
		s.suppressed = append(s.suppressed, l.sup)
		return
	}
	if l.sid != 0 || s.limit.kind == limitNone {
		s.limit = l.limit
	}
}

func (c *compiler) thresholdLine(text string) (l thresholdLine, err error) {
	verb, rest, _ := strings.Cut(text, " ")
	l.verb = verb
	if verb != "suppress" && verb != "threshold" && verb != "event_filter" {
		return l, refuse(fmt.Sprintf("want suppress or threshold, got %q", verb), "")
	}
	l.limit.mult = 10
	for _, w := range splitTop(rest) {
		word, arg, _ := strings.Cut(w, " ")
		if err := c.thresholdWord(&l, word, strings.TrimSpace(arg)); err != nil {
			return l, err
		}
	}
	t := &l.limit
	if verb == "suppress" {
		if l.sup.addrs != nil && l.sup.track == trackNone && !l.sup.either {
			return l, refuse("suppress: ip without track", "")
		}
		return l, nil
	}
	if t.kind == limitNone || t.track == trackNone || t.count == 0 || t.seconds == 0 {
		return l, refuse("threshold: want type, track, count and seconds", "")
	}
	return l, nil
}

func (c *compiler) thresholdWord(l *thresholdLine, word, arg string) error {
	switch word {
	case "gen_id", "sig_id":
		n, err := parseUint(arg)
		if err != nil || n > 1<<32-1 {
			return refuse(fmt.Sprintf("%s: want a number, got %q", word, arg), "")
		}
		if word == "gen_id" {
			l.gid = uint32(n)
		} else {
			l.sid = uint32(n)
		}
		return nil
	case "ip":
		set, err := c.addressText(arg)
		if err != nil {
			return err
		}
		l.sup.addrs = set
		return nil
	case "track":
		if arg == "by_either" {
			l.sup.either = true
			return nil
		}
		err := l.limit.option(word, arg)
		l.sup.track = l.limit.track
		return err
	}
	return l.limit.option(word, arg)
}

// addressText resolves an address expression as a rule's header holds it.
func (c *compiler) addressText(text string) (*rule.AddrSet, error) {
	f, errs := rule.ParseFile("threshold file", []byte("alert ip "+text+" any -> any any (sid:1;)"))
	if len(errs) > 0 || len(f.Rules) != 1 {
		return nil, refuse(fmt.Sprintf("ip: want an address, a block or a list, got %q", text), "")
	}
	return f.Rules[0].Src.Resolve(c.vars.addresses())
}

// splitTop splits at the commas outside of brackets.
func splitTop(s string) (out []string) {
	depth, start := 0, 0
	for i := range len(s) {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth == 0 {
				out = append(out, strings.TrimSpace(s[start:i]))
				start = i + 1
			}
		}
	}
	return append(out, strings.TrimSpace(s[start:]))
}

// silenced reports whether a threshold file suppresses s for the addresses at
// hand.
func (c *ctx) silenced(s *Signature) bool {
	for i := range s.suppressed {
		p := &s.suppressed[i]
		switch {
		case p.addrs == nil:
			return true
		case p.either:
			if p.addrs.Contains(c.src) || p.addrs.Contains(c.dst) {
				return true
			}
		case p.track == trackDst:
			if p.addrs.Contains(c.dst) {
				return true
			}
		case p.addrs.Contains(c.src):
			return true
		}
	}
	return false
}
