package packet

// Event is a decoder anomaly; names follow Suricata's decode-event keyword.
type Event uint8

// EventSet is a fixed set of decoder events.
type EventSet [3]uint64

// Add puts e into the set.
func (s *EventSet) Add(e Event) { s[e>>6] |= 1 << (e & 63) }

// Has reports whether e is in the set.
func (s *EventSet) Has(e Event) bool { return s[e>>6]&(1<<(e&63)) != 0 }

// Empty reports whether nothing is in the set.
func (s *EventSet) Empty() bool { return s[0]|s[1]|s[2] == 0 }
