package detect

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// ThresholdFile is the text of one threshold file (Suricata's
// threshold.config): lines suppress, threshold, event_filter and rate_filter.
type ThresholdFile struct {
	Name string // for complaints
	Text []byte
}

// suppression silences a rule for some addresses, or for all.
type suppression struct {
	addrs  *rule.AddrSet // nil: all
	track  trackBy
	either bool
}

// thresholdLine is one line of a threshold file.
type thresholdLine struct {
	verb     string
	gid, sid uint32
	sidAt    int // offset of sig_id in the file
	limit    threshold
	sup      suppression
}

// thresholdReader reads one file; text is the file's with comments blanked out
// and continued lines joined, byte for byte in place.
type thresholdReader struct {
	c    *compiler
	file *ThresholdFile
	text []byte
	sids map[ruleKey]*Signature
}

// applyThresholds reads Config.Thresholds and attaches what the files say to
// the signatures. A line that is wrong, or has no rule to speak of, is left out
// and complained about in Report.Thresholds.
func (rs *Ruleset) applyThresholds(c *compiler) {
	if len(c.cfg.Thresholds) == 0 {
		return
	}
	sids := make(map[ruleKey]*Signature, len(rs.sigs))
	for _, s := range rs.sigs {
		sids[ruleKey{s.GID, s.SID}] = s
	}
	for i := range c.cfg.Thresholds {
		r := thresholdReader{c: c, file: &c.cfg.Thresholds[i], sids: sids}
		r.text = joinLines(r.file.Text)
		for at := 0; at < len(r.text); {
			end := len(r.text)
			if n := bytes.IndexByte(r.text[at:], '\n'); n >= 0 {
				end = at + n
			}
			r.line(rs, at, end)
			at = end + 1
		}
	}
}

// joinLines blanks out comments, and the line ends behind a backslash.
func joinLines(text []byte) []byte {
	out := bytes.Clone(text)
	comment := false
	for i, b := range out {
		switch {
		case b == '\n':
			comment = false
			j := i - 1
			if j >= 0 && out[j] == '\r' {
				out[j] = ' '
				j--
			}
			if j >= 0 && out[j] == '\\' {
				out[i], out[j] = ' ', ' '
			}
		case b == '#' || comment:
			comment = true
			out[i] = ' '
		case b == '\t':
			out[i] = ' '
		}
	}
	return out
}

// line reads and applies what stands between two offsets.
func (r *thresholdReader) line(rs *Ruleset, at, end int) {
	at, end = r.trim(at, end)
	if at == end {
		return
	}
	l, bad, err := r.parse(at, end)
	if err != nil {
		r.complain(bad, err)
		return
	}
	if l.sid == 0 {
		for _, s := range rs.sigs {
			if l.gid == 0 || l.gid == s.GID {
				s.applyThreshold(&l)
			}
		}
		return
	}
	s := r.sids[ruleKey{l.gid, l.sid}]
	if s == nil {
		r.complain(l.sidAt, refuse(fmt.Sprintf("%s: no active rule has gid %d and sid %d", l.verb, l.gid, l.sid),
			"take the line out, or see with mirrorwall rules check why the rule does not run"))
		return
	}
	if !s.applyThreshold(&l) {
		r.complain(l.sidAt, refuse(fmt.Sprintf("rate_filter: sid %d has a threshold already, which counts", l.sid),
			"a rule has one of threshold, detection_filter and rate_filter"))
	}
}

// trim moves both ends to what is not blank.
func (r *thresholdReader) trim(at, end int) (int, int) {
	for at < end && isSpace(r.text[at]) {
		at++
	}
	for end > at && isSpace(r.text[end-1]) {
		end--
	}
	return at, end
}

// complain reports err at an offset of the file, with the line there.
func (r *thresholdReader) complain(at int, err error) {
	text := r.file.Text
	start := bytes.LastIndexByte(text[:at], '\n') + 1
	line, _, _ := bytes.Cut(text[start:], []byte("\n"))
	e := &rule.Error{
		Pos: rule.Pos{File: r.file.Name, Line: bytes.Count(text[:at], []byte("\n")) + 1, Column: at - start + 1},
		Msg: err.Error(), Line: strings.TrimSuffix(string(line), "\r"),
	}
	var why *refusal
	if errors.As(err, &why) {
		e.Hint = why.hint
	}
	r.c.rep.Thresholds = append(r.c.rep.Thresholds, e)
}

// applyThreshold attaches one line; it returns false when s keeps the threshold
// that it has. A line for one sid replaces that, except by a rate_filter; a line
// for many leaves it.
func (s *Signature) applyThreshold(l *thresholdLine) bool {
	switch {
	case l.verb == "suppress":
		s.suppressed = append(s.suppressed, l.sup)
	case s.limit.kind == limitNone, l.sid != 0 && l.limit.kind != limitRate:
		s.limit = l.limit
	default:
		return false
	}
	return true
}

const thresholdHint = "for example: threshold gen_id 1, sig_id 2001, type limit, track by_src, count 1, seconds 60"

// parse reads one line; bad is the place of what is wrong with it.
func (r *thresholdReader) parse(at, end int) (l thresholdLine, bad int, err error) {
	verb, _, _ := strings.Cut(string(r.text[at:end]), " ")
	l.verb = verb
	switch verb {
	case "suppress", "threshold", "event_filter":
	case "rate_filter":
		l.limit.kind = limitRate
	default:
		return l, at, refuse(fmt.Sprintf("want suppress, threshold, event_filter or rate_filter, got %q", verb), nearHint(verb))
	}
	l.limit.mult = 10
	seen := map[string]bool{}
	for from := at + len(verb); from < end; {
		to := r.comma(from, end)
		a, b := r.trim(from, to)
		word, arg, _ := strings.Cut(string(r.text[a:b]), " ")
		if word == "sig_id" {
			l.sidAt = a
		}
		err := r.word(&l, word, strings.TrimSpace(arg))
		if err == nil && seen[word] {
			err = refuse(word+": given twice", "")
		}
		if err != nil {
			return l, a, err
		}
		seen[word] = true
		from = to + 1
	}
	if !seen["gen_id"] || !seen["sig_id"] {
		return l, at, refuse(verb+": want gen_id and sig_id first", thresholdHint)
	}
	if l.gid == 0 && l.sid != 0 {
		return l, l.sidAt, refuse("gen_id 0 means every generator, and then sig_id must be 0", "rules have gen_id 1 unless they say gid:")
	}
	return l, at, l.check(seen)
}

func nearHint(verb string) string {
	if near := rule.Nearest(verb, []string{"suppress", "threshold", "event_filter", "rate_filter"}); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// check tells what a line lacks.
func (l *thresholdLine) check(seen map[string]bool) error {
	t := &l.limit
	if l.verb == "suppress" {
		if seen["ip"] != seen["track"] {
			return refuse("suppress: want track and ip together, or neither of them",
				"track by_src, by_dst or by_either, ip 10.0.0.1")
		}
		return nil
	}
	need := []string{"type", "track", "count", "seconds"}
	if t.kind == limitRate {
		need = []string{"track", "count", "seconds", "new_action", "timeout"}
	}
	for _, word := range need {
		if !seen[word] {
			return refuse(fmt.Sprintf("%s: no %s", l.verb, word), "it takes "+strings.Join(need, ", "))
		}
	}
	switch {
	case t.count == 0:
		return refuse(l.verb+": count: want at least 1", "")
	case t.seconds == 0:
		return refuse(l.verb+": seconds: want at least 1", "")
	}
	return nil
}

// words that each kind of line takes, besides gen_id and sig_id.
func (l *thresholdLine) takes(word string) bool {
	switch l.verb {
	case "suppress":
		return word == "track" || word == "ip"
	case "rate_filter":
		return slices.Contains([]string{"track", "count", "seconds", "new_action", "timeout"}, word)
	}
	return slices.Contains([]string{"type", "track", "count", "seconds"}, word)
}

// word reads one option of a line.
func (r *thresholdReader) word(l *thresholdLine, word, arg string) error {
	t := &l.limit
	switch {
	case word == "gen_id" || word == "sig_id":
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
	case !l.takes(word):
		return refuse(fmt.Sprintf("%s: unknown option %q", l.verb, word), "")
	case l.verb == "suppress":
		return r.suppressWord(&l.sup, word, arg)
	case word == "new_action":
		var ok bool
		if t.action, ok = map[string]rule.Action{"alert": rule.ActionAlert, "log": rule.ActionAlert, "pass": rule.ActionPass,
			"drop": rule.ActionDrop, "sdrop": rule.ActionDrop, "reject": rule.ActionReject}[arg]; !ok {
			return refuse(fmt.Sprintf("new_action: want alert, drop, reject or pass, got %q", arg), "")
		}
		return nil
	case word == "timeout":
		n, err := parseUint(arg)
		if err != nil || n > 1<<31 {
			return refuse(fmt.Sprintf("timeout: want seconds, got %q", arg), "")
		}
		t.timeout = uint32(n)
		return nil
	case word == "type" && arg == "backoff":
		return refuse("type: want limit, threshold or both, got \"backoff\"", "backoff is for a rule's own threshold option")
	}
	return t.option(word, arg)
}

func (r *thresholdReader) suppressWord(p *suppression, word, arg string) (err error) {
	if word == "ip" {
		p.addrs, err = r.c.addressText(arg)
		return err
	}
	switch arg {
	case "by_src":
		p.track = trackSrc
	case "by_dst":
		p.track = trackDst
	case "by_either":
		p.either = true
	default:
		return refuse(fmt.Sprintf("track: want by_src, by_dst or by_either, got %q", arg), "")
	}
	return nil
}

// addressText resolves an address expression as a rule's header holds it.
func (c *compiler) addressText(text string) (*rule.AddrSet, error) {
	a, err := rule.ParseAddresses("", text)
	if err == nil {
		var set *rule.AddrSet
		if set, err = a.Resolve(c.vars.addresses()); err == nil {
			return set, nil
		}
	}
	msg := err.Error()
	var re *rule.Error
	if errors.As(err, &re) {
		msg = re.Msg
	}
	return nil, refuse(fmt.Sprintf("ip: %q: %s", text, msg), "an address, a block, a list such as [10.0.0.1,10.1.0.0/16], or a variable")
}

// comma is the next one outside of brackets, or end.
func (r *thresholdReader) comma(at, end int) int {
	depth := 0
	for i := at; i < end; i++ {
		switch r.text[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				return i
			}
		}
	}
	return end
}

// silenced reports whether a threshold file suppresses s for the addresses at
// hand. Without addresses it silences alerts only: a pass rule still passes.
func (c *ctx) silenced(s *Signature) bool {
	for i := range s.suppressed {
		p := &s.suppressed[i]
		switch {
		case p.addrs == nil:
			if s.Action != rule.ActionPass {
				return true
			}
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
