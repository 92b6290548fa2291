package flow

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config says how a Table tracks and reassembles. Take DefaultConfig and
// change what differs; the zero value of a bound means its default, except
// where a field says otherwise.
type Config struct {
	// MaxFlows bounds live flows; the one nearest its time limit is evicted
	// (ReasonForced) when a new one needs room.
	MaxFlows int
	// IgnoreVLAN leaves VLAN ids out of the key (Suricata:
	// vlan.use-for-tracking false).
	IgnoreVLAN bool
	// IgnoreDepth leaves the tunnel depth out of the key (Suricata:
	// decoder.recursion-level.use-for-tracking false).
	IgnoreDepth bool
	// Seed keys the hash table against crafted collisions; 0 picks a random
	// one. It never changes what a Table reports.
	Seed uint64

	Timeouts Timeouts

	// Midstream picks up TCP sessions whose handshake was not seen
	// (stream.midstream). Without it such sessions are counted as flows but
	// their bytes reach nobody.
	Midstream bool
	// MidstreamPolicy is applied to the sessions whose handshake was not seen
	// (stream.midstream-policy).
	MidstreamPolicy MidstreamPolicy
	// AsyncOneSide delivers one-sided streams as they come, since no ACK will
	// (stream.async-oneside). Without it they are delivered when they end.
	AsyncOneSide bool
	// Depth is the number of bytes of each direction that reach the sink
	// (stream.reassembly.depth); 0 is unlimited.
	Depth uint64
	// UnackedLimit is how much in-order data waits for an ACK before it is
	// delivered all the same, bytes; the receiver's window counts where it is
	// larger.
	UnackedLimit int
	// ReorderLimit is how much data of a one-sided stream waits behind a hole
	// before the hole is declared a gap, bytes.
	ReorderLimit int
	// MaxSegments and MaxStreamBytes bound what one direction may buffer.
	MaxSegments    int
	MaxStreamBytes int
	// ReassemblyMemory bounds the buffers of all streams of the table, bytes
	// (stream.reassembly.memcap).
	ReassemblyMemory int
	// Urgent says what happens to the byte under the urgent pointer
	// (stream.reassembly.urgent.policy).
	Urgent UrgentPolicy
	// Policy decides overlaps for receivers that no prefix in Policies holds.
	Policy Policy
	// Policies maps receivers to overlap policies; the longest prefix wins.
	Policies []PrefixPolicy
}

// PrefixPolicy gives the hosts of a prefix an overlap policy.
type PrefixPolicy struct {
	Prefix netip.Prefix
	Policy Policy
}

// MidstreamPolicy says what becomes of a session whose handshake was not seen.
type MidstreamPolicy uint8

// Midstream policies, in Suricata's words; the zero value is MidstreamIgnore.
const (
	MidstreamIgnore   MidstreamPolicy = iota // nothing special: Config.Midstream decides
	MidstreamPassFlow                        // as ignore, but no rule looks at the flow
	MidstreamBypass                          // see Table.Bypass
)

// midstreamNames are EVE's spellings; rules and settings write '-' for '_'.
var midstreamNames = [...]string{"ignore", "pass_flow", "bypass"}

// String returns EVE's spelling.
func (m MidstreamPolicy) String() string { return midstreamNames[m] }

// MidstreamPolicyByName finds the policy that stream.midstream-policy names. A
// copy cannot be dropped or refused: the policies that would are taken for
// ignore, so that inspection goes on.
func MidstreamPolicyByName(name string) (MidstreamPolicy, bool) {
	switch name {
	case "auto", "drop-flow", "drop-packet", "reject":
		return MidstreamIgnore, true
	}
	for i, s := range midstreamNames {
		if sameName(strings.ReplaceAll(s, "_", "-"), name) {
			return MidstreamPolicy(i), true
		}
	}
	return MidstreamIgnore, false
}

// Timeout is how long a flow may be idle, by state, packet time.
type Timeout struct {
	New, Established, Closed, Bypassed time.Duration
}

// Timeouts by transport (Suricata: flow-timeouts).
type Timeouts struct {
	TCP, UDP, ICMP, Other Timeout
}

// UrgentPolicy says what becomes of urgent data (RFC 6093 §2).
type UrgentPolicy uint8

// Urgent policies, in Suricata's words.
const (
	UrgentOOB    UrgentPolicy = iota // the last urgent byte leaves the stream
	UrgentInline                     // urgent data is ordinary data
	UrgentDrop                       // packets with an urgent pointer are ignored
	UrgentGap                        // the last urgent byte becomes a gap
)

// DefaultConfig is the shipped configuration.
func DefaultConfig() Config {
	return Config{
		MaxFlows: 1 << 20,
		Timeouts: Timeouts{
			TCP: Timeout{
				New: 60 * time.Second, Established: 600 * time.Second,
				Closed: 60 * time.Second, Bypassed: 100 * time.Second,
			},
			UDP:   Timeout{New: 30 * time.Second, Established: 300 * time.Second, Bypassed: 100 * time.Second},
			ICMP:  Timeout{New: 30 * time.Second, Established: 300 * time.Second, Bypassed: 100 * time.Second},
			Other: Timeout{New: 30 * time.Second, Established: 300 * time.Second, Bypassed: 100 * time.Second},
		},
		Midstream:        true,
		AsyncOneSide:     true,
		Depth:            1 << 20,
		UnackedLimit:     64 << 10,
		ReorderLimit:     64 << 10,
		MaxSegments:      1 << 16,
		MaxStreamBytes:   16 << 20,
		ReassemblyMemory: 256 << 20,
		Policy:           PolicyBSD,
	}
}

// withDefaults fills what was left zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	set := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&c.MaxFlows, d.MaxFlows)
	set(&c.UnackedLimit, d.UnackedLimit)
	set(&c.ReorderLimit, d.ReorderLimit)
	set(&c.MaxSegments, d.MaxSegments)
	set(&c.MaxStreamBytes, d.MaxStreamBytes)
	set(&c.ReassemblyMemory, d.ReassemblyMemory)
	c.MaxStreamBytes = min(c.MaxStreamBytes, 1<<30)
	c.Policies = slices.Clone(c.Policies)
	slices.SortStableFunc(c.Policies, func(a, b PrefixPolicy) int {
		return b.Prefix.Bits() - a.Prefix.Bits()
	})
	c.Timeouts.TCP = c.Timeouts.TCP.withDefaults(d.Timeouts.TCP)
	c.Timeouts.UDP = c.Timeouts.UDP.withDefaults(d.Timeouts.UDP)
	c.Timeouts.ICMP = c.Timeouts.ICMP.withDefaults(d.Timeouts.ICMP)
	c.Timeouts.Other = c.Timeouts.Other.withDefaults(d.Timeouts.Other)
	return c
}

func (t Timeout) withDefaults(d Timeout) Timeout {
	set := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&t.New, d.New)
	set(&t.Established, d.Established)
	set(&t.Closed, d.Closed)
	set(&t.Bypassed, d.Bypassed)
	if t.Closed == 0 {
		t.Closed = t.Established
	}
	return t
}

// of returns the timeout of a state.
func (t *Timeout) of(s State) int64 {
	switch s {
	case StateNew:
		return int64(t.New)
	case StateClosed:
		return int64(t.Closed)
	case StateBypassed:
		return int64(t.Bypassed)
	}
	return int64(t.Established)
}
