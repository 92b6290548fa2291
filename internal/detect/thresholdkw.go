package detect

import (
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// trackBy says which hosts share a counter.
type trackBy uint8

const (
	trackNone trackBy = iota
	trackSrc
	trackDst
	trackPair // both addresses, whichever way
	trackRule
	trackFlow
)

// limitKind is threshold's type.
type limitKind uint8

const (
	limitNone limitKind = iota
	limitLimit
	limitThreshold
	limitBoth
	limitBackoff
	limitDetection // detection_filter
	limitRate      // rate_filter of a threshold file
)

// threshold bounds how often a rule alerts, or says what its alerts become.
type threshold struct {
	kind    limitKind
	track   trackBy
	action  rule.Action // rate_filter: new_action
	count   uint32
	mult    uint32 // backoff
	timeout uint32 // rate_filter: how long action holds, seconds
	seconds int64
}

func thresholdKeywords() []keyword {
	return []keyword{
		{name: "threshold", parse: func(b *builder, o *rule.Option) error {
			return parseThreshold(b, o, threshold{mult: 10})
		}},
		{name: "detection_filter", parse: func(b *builder, o *rule.Option) error {
			return parseThreshold(b, o, threshold{kind: limitDetection})
		}},
	}
}

func parseThreshold(b *builder, opt *rule.Option, t threshold) error {
	if b.s.limit.kind != limitNone {
		b.lint(LintThreshold, "threshold: given twice", "the last one counts")
	}
	detection := t.kind == limitDetection
	for _, w := range splitArgs(opt.Value) {
		word, arg, _ := strings.Cut(w, " ")
		arg = strings.TrimSpace(arg)
		if err := t.option(word, arg); err != nil {
			return err
		}
	}
	switch {
	case t.kind == limitNone:
		return refuse("threshold: no type", "type limit, threshold, both or backoff")
	case detection && t.kind != limitDetection:
		return refuse("detection_filter: takes no type", "")
	case t.track == trackNone:
		return refuse("no track", "track by_src, by_dst, by_both, by_rule or by_flow")
	case t.count == 0:
		return refuse("no count", "")
	case t.seconds == 0 && t.kind != limitBackoff:
		return refuse("no seconds", "")
	}
	b.s.limit = t
	return nil
}

func (t *threshold) option(word, arg string) error {
	switch word {
	case "type":
		kinds := map[string]limitKind{"limit": limitLimit, "threshold": limitThreshold,
			"both": limitBoth, "backoff": limitBackoff}
		k, ok := kinds[arg]
		if !ok {
			return refuse(fmt.Sprintf("type: want limit, threshold, both or backoff, got %q", arg), "")
		}
		t.kind = k
		return nil
	case "track":
		tracks := map[string]trackBy{"by_src": trackSrc, "by_dst": trackDst, "by_both": trackPair,
			"by_rule": trackRule, "by_flow": trackFlow}
		k, ok := tracks[arg]
		if !ok {
			return refuse(fmt.Sprintf("track: want by_src, by_dst, by_both, by_rule or by_flow, got %q", arg), "")
		}
		t.track = k
		return nil
	}
	n, err := parseUint(arg)
	if err != nil || n > 1<<31 {
		return refuse(fmt.Sprintf("%s: want a number, got %q", word, arg), "")
	}
	switch word {
	case "count":
		t.count = uint32(n)
	case "seconds":
		t.seconds = int64(n)
	case "multiplier":
		t.mult = uint32(n)
	default:
		return refuse(fmt.Sprintf("unknown option %q", word), "")
	}
	return nil
}
