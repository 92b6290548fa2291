package proto

import (
	"math/bits"
	"strings"
)

// DetectionEvent is something odd in how the protocol of a flow was found; the
// names are those of Suricata's app-layer-event.
type DetectionEvent uint8

// Events of protocol detection.
const (
	// EventMismatch: the two directions speak different protocols.
	EventMismatch DetectionEvent = iota
	// EventWrongDirection: the side spoke first that has to wait.
	EventWrongDirection
	// EventOneDirection: only one direction's bytes are of the protocol.
	EventOneDirection
	// EventSkipped: one side said a lot, none of it known, and the other nothing.
	EventSkipped
	numDetectionEvents
)

// String returns the name that records and, in lower case, rules use.
func (e DetectionEvent) String() string {
	return [numDetectionEvents]string{
		"APPLAYER_MISMATCH_PROTOCOL_BOTH_DIRECTIONS", "APPLAYER_WRONG_DIRECTION_FIRST_DATA",
		"APPLAYER_DETECT_PROTOCOL_ONLY_ONE_DIRECTION", "APPLAYER_PROTO_DETECTION_SKIPPED",
	}[e]
}

// DetectionEventByName finds an event by its name in a rule, in lower case.
func DetectionEventByName(name string) (DetectionEvent, bool) {
	for e := range numDetectionEvents {
		if strings.EqualFold(e.String(), name) {
			return e, true
		}
	}
	return 0, false
}

// DetectionEvents is a set of DetectionEvent.
type DetectionEvents uint8

// Has reports whether e is in the set.
func (s DetectionEvents) Has(e DetectionEvent) bool { return s&(1<<e) != 0 }

func (s *DetectionEvents) add(e DetectionEvent) { *s |= 1 << e }

// All calls yield with each event of the set.
func (s DetectionEvents) All(yield func(DetectionEvent) bool) {
	for ; s != 0; s &= s - 1 {
		if !yield(DetectionEvent(bits.TrailingZeros8(uint8(s)))) {
			return
		}
	}
}

// maxUnanswered is how much of one unknown direction is waited out before the
// flow counts as skipped; the figure is Suricata's.
const maxUnanswered = 100_000

// Decided reports whether protocol detection is done with direction d, and
// what its own bytes are of; nil when they are of nothing known.
func (s *Session) Decided(d Dir) (p *Descriptor, ok bool) {
	switch {
	case s.By[d] != nil:
		return s.By[d], true
	case s.Failed[d] && (s.Proto != nil || s.Failed[d.Opposite()]):
		return nil, true
	}
	return nil, false
}

// ask offers the first bytes of d to every candidate that has not refused yet,
// the flow's protocol before the others. It returns the index of the one that
// accepts, or -1 and whether some want more.
func (s *Session) ask(d Dir, view []byte) (found int, waiting bool) {
	if s.Index >= 0 {
		switch s.put(s.Index, d, view) {
		case Accept:
			return s.Index, false
		case NeedMore:
			return -1, true
		}
	}
	for _, i := range s.order {
		if i == s.Index {
			continue
		}
		switch s.put(i, d, view) {
		case Accept:
			return i, false
		case NeedMore:
			waiting = true
		}
	}
	return -1, waiting
}

// put offers view to candidate i. On a stream a refusal is final.
func (s *Session) put(i int, d Dir, view []byte) Verdict {
	if s.rejected[d]&(1<<i) != 0 {
		return Reject
	}
	v := s.pool.Registry.Descriptors[i].Probe(d, view)
	if v == Reject && !s.udp {
		s.rejected[d] |= 1 << i
	}
	return v
}

// examine finds out whether the first bytes of d are of the protocol that the
// other direction is of. The parser has them whatever they are.
func (s *Session) examine(d Dir, b []byte) {
	if s.early {
		s.early = false
		s.Events.add(EventWrongDirection)
	}
	view := b[:min(len(b), MaxProbe-len(s.head[d]))]
	if len(s.head[d]) > 0 {
		s.head[d] = append(s.head[d], view...)
		view = s.head[d]
	}
	i, waiting := s.ask(d, view)
	switch {
	case i >= 0:
		s.By[d] = s.pool.Registry.Descriptors[i]
		if i != s.Index {
			s.Events.add(EventMismatch)
		}
	case s.more(d, waiting, len(view)):
		if len(s.head[d]) == 0 && !s.udp {
			s.head[d] = append(s.head[d], view...)
		}
		return
	default:
		s.Failed[d] = true
		s.Events.add(EventOneDirection)
	}
	s.head[d] = s.head[d][:0]
}

// more reports whether a direction of which n bytes were offered in vain may
// still become known.
func (s *Session) more(d Dir, waiting bool, n int) bool {
	if s.datagrams[d] < maxDatagramProbes {
		s.datagrams[d]++
	}
	if s.udp {
		return s.datagrams[d] < maxDatagramProbes
	}
	return waiting && n < MaxProbe
}

// unanswered counts the bytes of a direction that is of nothing known while
// the other side is silent.
func (s *Session) unanswered(d Dir, n int) {
	if s.Seen[d.Opposite()] || s.udp || s.said > maxUnanswered {
		return
	}
	if s.said += n; s.said > maxUnanswered {
		s.Failed[d.Opposite()] = true
		s.Events.add(EventSkipped)
	}
}
