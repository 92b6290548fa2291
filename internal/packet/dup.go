package packet

import "hash/maphash"

const (
	dupWindow = 100_000 // microseconds of packet time
	dupWays   = 4       // of one set, which is one cache line
	dupSets   = 4096    // 16,384 packets are remembered, 256 KiB
	dupFew    = 64      // sets used while one session is alone: 256 packets, 4 KiB
	dupPrefix = 64      // transport bytes compared
)

// Dup recognises the second copy of a packet that two mirror sessions show: at
// the sender's interface and at the receiver's.
//
// Two packets are copies when tenant, addresses, protocol, IP identification,
// fragment, transport length and the first 64 transport bytes (checksum apart)
// are the same, they came within 100 ms of packet time, and from different
// sessions: another VNI or another outer source. TTL, MAC addresses and
// checksums may differ. One session never makes a copy, so a retransmission is
// none; nor does a packet that no mirror carried. A worker owns a Dup.
type Dup struct {
	// Copies counts the packets that got FlagDup.
	Copies uint64

	seed maphash.Seed
	sets [][dupWays]dupEntry
	// mask picks the set. One session alone makes no copies: its packets are
	// kept in the first dupFew sets, which stay in the first cache, for the
	// moment when a second session shows the other half of one of them.
	mask  uint64
	first uint32 // the first session
	begun bool
}

// dupEntry is a packet that was seen and the session that showed it first. It
// is 16 bytes, because a look-up costs what its cache misses cost: a session is
// kept as a hash, and two that collide make no copies of each other.
type dupEntry struct {
	hash    uint64
	session uint32
	time    uint32 // microseconds, modulo 2^32
}

// NewDup makes an empty Dup.
func NewDup() *Dup {
	return &Dup{seed: maphash.MakeSeed(), sets: make([][dupWays]dupEntry, dupSets), mask: dupFew - 1}
}

// Seen reports whether p is a copy of a packet seen before, and then sets
// FlagDup. Packets whose first bytes are not all there are never copies.
func (u *Dup) Seen(p *Packet) bool {
	want := min(dupPrefix, p.l4len)
	if p.Mirror.Depth == 0 || p.IPVersion == 0 || len(p.L4) < want {
		return false
	}
	h := u.hash(p, want)
	session, now := u.session(&p.Mirror), uint32(p.Time/1e3)
	switch {
	case !u.begun:
		u.first, u.begun = session, true
	case session != u.first && u.mask < dupSets-1:
		u.spread()
	}
	set := &u.sets[h&u.mask]
	old := &set[0]
	for i := range set {
		e := &set[i]
		if e.hash == h && near(e.time, now) {
			if e.session == session {
				e.time = now
				return false
			}
			p.Flags |= FlagDup
			u.Copies++
			return true
		}
		if int32(e.time-old.time) < 0 {
			old = e
		}
	}
	*old = dupEntry{h, session, now}
	return false
}

// spread moves what the first session has shown to where it belongs among all
// sets.
func (u *Dup) spread() {
	few := [dupFew][dupWays]dupEntry(u.sets)
	clear(u.sets[:dupFew])
	u.mask = dupSets - 1
	for i := range few {
		for j, e := range few[i] {
			u.sets[e.hash&u.mask][j] = e
		}
	}
}

// session is a hash of what tells mirror sessions apart.
func (u *Dup) session(m *Mirror) uint32 {
	const odd = 0x9e3779b97f4a7c15
	x := (be.Uint64(m.OuterSrc[:8])*odd + be.Uint64(m.OuterSrc[8:]) ^ uint64(m.FirstVNI)<<32) * odd
	return uint32(x >> 32)
}

// near reports whether two times lie within the window.
func near(a, b uint32) bool { return b-a <= dupWindow || a-b <= dupWindow }

// hash is of everything that copies have in common.
func (u *Dup) hash(p *Packet, n int) uint64 {
	var b [52 + dupPrefix]byte
	copy(b[:], p.Src[:])
	copy(b[16:], p.Dst[:])
	be.PutUint32(b[32:], p.Tenant)
	be.PutUint32(b[36:], p.IPID)
	be.PutUint32(b[40:], uint32(p.l4len))
	be.PutUint16(b[44:], p.FragOff)
	b[46], b[47] = p.Proto, p.IPVersion
	if p.MoreFrags {
		b[48] = 1
	}
	l4 := b[52:]
	copy(l4, p.L4[:n])
	if p.FragOff == 0 {
		switch p.Proto {
		case ProtoTCP:
			l4[16], l4[17] = 0, 0
		case ProtoUDP:
			l4[6], l4[7] = 0, 0
		case ProtoICMP, ProtoICMPv6:
			l4[2], l4[3] = 0, 0
		}
	}
	return maphash.Bytes(u.seed, b[:52+n])
}
