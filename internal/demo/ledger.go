package demo

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"sync"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// maxTuples bounds the ledger; beyond it the oldest half is forgotten.
const maxTuples = 1 << 17

// Ledger is the ground truth: which scenario each pair of ends belongs to, and
// what of each scenario was sent. Safe for concurrent use.
type Ledger struct {
	mu        sync.Mutex
	scenarios map[string]*Scenario
	now, old  map[tuple]*Scenario
}

// Scenario is one scenario's part in the play.
type Scenario struct {
	Name, Title string
	Attack      bool
	Order       int
	Begun       int // plays under way or done
	Done        int // plays sent to their last frame
	Threats     uint64
	First       string // the first threat's name
}

// tuple is a conversation without direction: the lesser end first.
type tuple struct {
	a, b  netip.AddrPort
	proto uint8
}

func newTuple(a, b netip.AddrPort, proto uint8) tuple {
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return tuple{a, b, proto}
}

// NewLedger knows every scenario and has seen none.
func NewLedger() *Ledger {
	l := &Ledger{scenarios: map[string]*Scenario{}, now: map[tuple]*Scenario{}, old: map[tuple]*Scenario{}}
	for i, s := range traffic.Scenarios() {
		l.scenarios[s.Name] = &Scenario{Name: s.Name, Title: s.Title, Attack: s.Kind == traffic.Attack, Order: i}
	}
	return l
}

// Note records that a frame is about to be sent.
func (l *Ledger) Note(f *traffic.Frame) {
	key, ok := ends(f.Data)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.scenarios[f.Scenario]
	if s == nil {
		return
	}
	if s.Begun <= s.Done {
		s.Begun++
	}
	if ok {
		if len(l.now) >= maxTuples/2 {
			l.now, l.old = map[tuple]*Scenario{}, l.now
		}
		l.now[key] = s
	}
	if f.Last {
		s.Done++
	}
}

// Threat books a threat to the scenario that its ends belong to, which it
// returns; nil is none that was played.
func (l *Ledger) Threat(a, b netip.AddrPort, proto uint8, name string) *Scenario {
	key := newTuple(a, b, proto)
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.now[key]
	if s == nil {
		s = l.old[key]
	}
	if s == nil {
		return nil
	}
	s.Threats++
	if s.First == "" {
		s.First = name
	}
	c := *s
	return &c
}

// Scenarios returns copies of all, in their order.
func (l *Ledger) Scenarios() []Scenario {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Scenario
	for _, s := range l.scenarios {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Scenario) int { return cmp.Compare(a.Order, b.Order) })
	return out
}

// Whole reports whether every attack was played to its end.
func (l *Ledger) Whole() bool { return whole(l.Scenarios()) }

func whole(scenarios []Scenario) bool {
	for _, s := range scenarios {
		if s.Attack && s.Done == 0 {
			return false
		}
	}
	return true
}

const ethernetLen = 14

// ends reads the addresses of a frame that package traffic made: Ethernet II,
// IPv4 or IPv6 without extension headers.
func ends(frame []byte) (tuple, bool) {
	if len(frame) < ethernetLen+20 {
		return tuple{}, false
	}
	ip := frame[ethernetLen:]
	var a, b netip.Addr
	var proto uint8
	var l4 []byte
	switch {
	case ip[0]>>4 == 4:
		a, b = netip.AddrFrom4([4]byte(ip[12:16])), netip.AddrFrom4([4]byte(ip[16:20]))
		proto, l4 = ip[9], ip[min(int(ip[0]&15)*4, len(ip)):]
	case ip[0]>>4 == 6 && len(ip) >= 40:
		a, b = netip.AddrFrom16([16]byte(ip[8:24])), netip.AddrFrom16([16]byte(ip[24:40]))
		proto, l4 = ip[6], ip[40:]
	default:
		return tuple{}, false
	}
	var sport, dport uint16
	if (proto == packet.ProtoTCP || proto == packet.ProtoUDP) && len(l4) >= 4 {
		sport, dport = binary.BigEndian.Uint16(l4), binary.BigEndian.Uint16(l4[2:])
	}
	return newTuple(netip.AddrPortFrom(a, sport), netip.AddrPortFrom(b, dport), proto), true
}

// protocolNumber is the inverse of EVE's protocol names, for those played here.
func protocolNumber(name string) uint8 {
	switch name {
	case "tcp":
		return packet.ProtoTCP
	case "udp":
		return packet.ProtoUDP
	case "icmp":
		return packet.ProtoICMP
	case "ipv6-icmp", "icmpv6":
		return packet.ProtoICMPv6
	}
	return 0
}
