package packet

import "hash/maphash"

const (
	dupWindow = int64(100e6) // nanoseconds of packet time
	dupWays   = 4
	dupSets   = 4096 // 16,384 packets are remembered, 640 KiB
	dupPrefix = 64   // transport bytes compared
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
}

// dupEntry is a packet that was seen and the session that showed it first.
type dupEntry struct {
	hash  uint64
	time  int64
	outer Addr
	vni   uint32
	used  bool
}

// NewDup makes an empty Dup.
func NewDup() *Dup {
	return &Dup{seed: maphash.MakeSeed(), sets: make([][dupWays]dupEntry, dupSets)}
}

// Seen reports whether p is a copy of a packet seen before, and then sets
// FlagDup. Packets whose first bytes are not all there are never copies.
func (u *Dup) Seen(p *Packet) bool {
	want := min(dupPrefix, p.l4len)
	if p.Mirror.Depth == 0 || p.IPVersion == 0 || len(p.L4) < want {
		return false
	}
	h := u.hash(p, want)
	m := &p.Mirror
	set := &u.sets[h%dupSets]
	old := &set[0]
	for i := range set {
		e := &set[i]
		if e.used && e.hash == h && near(e.time, p.Time) {
			if e.vni == m.FirstVNI && e.outer == m.OuterSrc {
				e.time = p.Time
				return false
			}
			p.Flags |= FlagDup
			u.Copies++
			return true
		}
		if !e.used || old.used && e.time < old.time {
			old = e
		}
	}
	*old = dupEntry{h, p.Time, m.OuterSrc, m.FirstVNI, true}
	return false
}

// near reports whether two times lie within the window.
func near(a, b int64) bool { return b-a <= dupWindow && a-b <= dupWindow }

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
