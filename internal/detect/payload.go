package detect

import "github.com/mirrorwall/mirrorwall/internal/match"

// headBytes is how far into a payload the patterns may lie that are looked for
// at its start only.
const headBytes = 128

// smallBytes is the largest dsize of a rule whose pattern is looked for in small
// packets only.
const smallBytes = 256

// payloadGroup is the prefilter of payload bytes: the patterns with a depth are
// looked for near the start, those of rules for small packets in these, the
// others everywhere. Sets for each protocol or port gain nothing: most bytes
// are of few protocols and ports, and would be searched twice.
type payloadGroup struct {
	head, small, all *litGroup
	// tiny holds all of them, for packets that are no longer than a head: most
	// packets are, and three searches of few bytes cost more than one. It is nil
	// where there would be but one anyway.
	tiny *litGroup
}

// payloadBuilder collects the patterns of a payloadGroup.
type payloadBuilder struct{ head, small, all, tiny litBuilder }

// payloadPlace says in which payloads a fast pattern is looked for.
type payloadPlace uint8

const (
	inAll   payloadPlace = iota
	inHead               // near their start
	inSmall              // in small packets
)

func (s *Signature) place() payloadPlace {
	switch {
	case s.smallOnly:
		return inSmall
	case s.atHead():
		return inHead
	}
	return inAll
}

func (pb *payloadBuilder) add(s *Signature) {
	pb.tiny.add(&s.fast, s.id)
	at := [...]*litBuilder{inAll: &pb.all, inHead: &pb.head, inSmall: &pb.small}[s.place()]
	at.add(&s.fast, s.id)
}

func (pb *payloadBuilder) build(t *match.Traffic) payloadGroup {
	g := payloadGroup{head: pb.head.build(t), small: pb.small.build(t), all: pb.all.build(t)}
	if len(pb.tiny.keys) > max(len(pb.head.keys), len(pb.small.keys), len(pb.all.keys)) {
		g.tiny = pb.tiny.build(t)
	}
	return g
}

func (g *payloadGroup) empty() bool { return g.head == nil && g.small == nil && g.all == nil }

// scan adds the rules whose fast pattern is in b to dst. fresh is where bytes
// start that were not scanned before; patterns with a depth count from there.
func (g *payloadGroup) scan(b []byte, fresh int, h *match.Hits, dst []uint32) []uint32 {
	if g.tiny != nil && fresh == 0 && len(b) <= headBytes {
		return g.tiny.scan(b, h, dst)
	}
	if g.head != nil {
		dst = g.head.scan(b[fresh:min(len(b), fresh+headBytes)], h, dst)
	}
	if g.small != nil && len(b) <= smallBytes {
		dst = g.small.scan(b[fresh:], h, dst)
	}
	if g.all == nil {
		return dst
	}
	h.Reset()
	if g.all.table != nil {
		g.all.table.Scan(b[fresh:], h)
	}
	if g.all.set != nil {
		g.all.set.Scan(b[max(0, fresh-g.all.longest+1):], h)
	}
	return g.all.take(h, dst)
}
