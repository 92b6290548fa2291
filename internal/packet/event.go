package packet

import "math/bits"

// Event is a decoder anomaly; names follow Suricata's decode-event keyword.
type Event uint8

// String returns the name as rules spell it ("ipv4.trunc_pkt"); EVE puts
// "decoder." before it.
func (e Event) String() string {
	if int(e) < len(eventNames) {
		return eventNames[e]
	}
	return "unknown"
}

// EventByName finds the event that a decode-event rule names, without the
// "decoder." prefix.
func EventByName(name string) (Event, bool) {
	for i, n := range eventNames {
		if n == name {
			return Event(i), true
		}
	}
	return 0, false
}

// EventSet is a fixed set of decoder events.
type EventSet [3]uint64

// Add puts e into the set.
func (s *EventSet) Add(e Event) { s[e>>6] |= 1 << (e & 63) }

// Has reports whether e is in the set.
func (s *EventSet) Has(e Event) bool { return s[e>>6]&(1<<(e&63)) != 0 }

// Empty reports whether nothing is in the set.
func (s *EventSet) Empty() bool { return s[0]|s[1]|s[2] == 0 }

// All yields the events of the set in their order.
func (s *EventSet) All(yield func(Event) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(Event(i<<6 + bits.TrailingZeros64(w))) {
				return
			}
		}
	}
}
