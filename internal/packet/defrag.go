package packet

import "slices"

// DefragPolicy says whose bytes win where fragments overlap: it has to be what
// the receiver does, or the two see different datagrams. Meanings follow
// Suricata's host-os-policy; "new" is the later fragment.
type DefragPolicy uint8

const (
	// DefragDefault is what Suricata ships: windows for IPv4, bsd for IPv6.
	DefragDefault  DefragPolicy = iota
	DefragFirst                 // old bytes stay
	DefragLast                  // new bytes win
	DefragBSD                   // new wins if it starts before old
	DefragBSDRight              // new wins unless it starts before old
	DefragLinux                 // new wins if it starts before old or with it
	DefragSolaris               // new wins if it starts before old and ends with it or after
	DefragWindows               // new wins if it starts before old and ends after it
)

// DefragPolicyByName finds a policy by the name that host-os-policy gives it or
// a system that has it.
func DefragPolicyByName(name string) (DefragPolicy, bool) {
	switch name {
	case "default":
		return DefragDefault, true
	case "first", "hpux11", "old-solaris", "macos":
		return DefragFirst, true
	case "last":
		return DefragLast, true
	case "bsd", "hpux10", "irix":
		return DefragBSD, true
	case "bsd-right":
		return DefragBSDRight, true
	case "linux", "old-linux":
		return DefragLinux, true
	case "solaris":
		return DefragSolaris, true
	case "windows", "windows2k3", "vista":
		return DefragWindows, true
	}
	return DefragDefault, false
}

// DefragConfig bounds a Defrag; zero fields take the default in brackets.
type DefragConfig struct {
	Policy DefragPolicy
	// PolicyOf overrides Policy by the receiver's address (host-os-policy).
	PolicyOf     func(dst Addr) DefragPolicy
	MaxDatagrams int   // open at once (8192)
	MaxFragments int   // of all open datagrams (65535)
	MaxPieces    int   // fragments of one datagram (2048)
	MaxBytes     int   // memory for payload (32 MiB)
	Timeout      int64 // nanoseconds of packet time since the first fragment (60 s)
}

func (c *DefragConfig) defaults() {
	def := func(v *int, n int) {
		if *v <= 0 {
			*v = n
		}
	}
	def(&c.MaxDatagrams, 8192)
	def(&c.MaxFragments, 65535)
	def(&c.MaxPieces, 2048)
	def(&c.MaxBytes, 32<<20)
	if c.Timeout <= 0 {
		c.Timeout = 60e9
	}
}

// DefragCounters are totals since NewDefrag; v4 and v6 follow EVE's
// stats.defrag.
type DefragCounters struct {
	Fragments4, Fragments6     uint64
	Reassembled4, Reassembled6 uint64
	Timeouts4, Timeouts6       uint64
	Overlaps                   uint64 // fragments that met bytes already there
	TooLarge                   uint64 // fragments that end beyond 65,535 bytes
	Truncated                  uint64 // fragments not whole in the capture, not kept
	Evicted                    uint64 // datagrams given up for a newer one: a bound was hit
	MaxPieces                  uint64 // fragments of a datagram of too many
	NoRoom                     uint64 // fragments refused: their own datagram was the next to give way
	HeadTooLong                uint64 // first fragments with too long headers
}

// Defrag puts IPv4 and IPv6 fragments together. It belongs to one worker; it
// copies what it keeps.
type Defrag struct {
	Counters DefragCounters

	cfg     DefragConfig
	open    map[fragKey]*datagram
	oldest  *datagram // ring sentinel-free list by age
	newest  *datagram
	spare   *datagram // free list, linked by next
	pieces  int       // fragments held
	mem     bufferPool
	done    *datagram               // the last one completed
	lent    [maxDepth + 2]*datagram // buffers that the last packet borrows
	nlent   int
	scratch []extent
}

// fragKey identifies a datagram. The mirror session stands in it in place of
// the tenant: all fragments that one session shows are of one copy, and two
// sessions that show the same datagram make two, which Dup recognises.
type fragKey struct {
	src, dst, outer Addr
	id, vni         uint32
	vlan            [3]uint16
	version, proto  uint8
	depth           uint8
}

// extent is a range of a datagram's payload and the fragment that it is of.
type extent struct {
	off, end   int32 // where these bytes are
	from, till int32 // where their whole fragment was
}

// datagram is one that is being put together.
type datagram struct {
	key        fragKey
	first      int64 // packet time of the first fragment
	prev, next *datagram

	ext      []extent // sorted, disjoint
	pieces   int
	covered  int // bytes that have come
	total    int // greatest end so far
	sawLast  bool
	buf      []byte // headroom, then payload by offset
	head     [headroom]byte
	headLen  int // link and IP header, 0: first fragment not seen
	l3off    int // where the IP header starts in head
	link     LinkType
	nextProt uint8 // IPv6: what the fragment header announced
}

// headroom is kept before the payload for the link and IP header.
const headroom = 320

// NewDefrag makes an empty Defrag.
func NewDefrag(cfg DefragConfig) *Defrag {
	cfg.defaults()
	return &Defrag{
		cfg:  cfg,
		open: make(map[fragKey]*datagram),
		mem:  bufferPool{max: cfg.MaxBytes},
	}
}

// Add keeps the fragment p and reports whether it completes a datagram:
// Decoder.DecodeReassembled must then be called with the same p before the
// next Add. It may add events to p, so it comes before p is inspected.
func (g *Defrag) Add(p *Packet) bool {
	for g.nlent > 0 {
		g.nlent--
		g.release(g.lent[g.nlent])
		g.lent[g.nlent] = nil
	}
	return g.add(p)
}

// add is Add without taking back what the last packet borrows.
func (g *Defrag) add(p *Packet) bool {
	if p.Flags&FlagFragment == 0 || g.nlent == len(g.lent) {
		return false
	}
	g.Expire(p.Time)
	if p.IPVersion == 4 {
		g.Counters.Fragments4++
	} else {
		g.Counters.Fragments6++
	}
	if p.Flags&FlagTruncated != 0 {
		g.Counters.Truncated++
		return false
	}
	off, end := int(p.FragOff), int(p.FragOff)+len(p.L4)
	if end+len(p.IP) > fragLimit(p) {
		g.Counters.TooLarge++
		p.addByVersion(EventIPv4FragPktTooLarge, EventIPv6FragPktTooLarge)
		return false
	}
	if off == end && p.MoreFrags {
		return false
	}
	t := g.find(p)
	if t == nil || !g.fits(p, t, end) {
		p.addByVersion(EventIPv4FragIgnored, EventIPv6FragIgnored)
		return false
	}
	if !g.keep(p, t, off, end) {
		return false
	}
	return g.complete(t)
}

// fragLimit is what end plus header may reach: an IPv6 payload length does not
// count the fixed header, nor the fragment header that goes away.
func fragLimit(p *Packet) int {
	if p.IPVersion == 6 {
		return maxIPLen + ipv6Len + fragUnit
	}
	return maxIPLen
}

// addByVersion adds the event of p's IP version.
func (p *Packet) addByVersion(v4, v6 Event) {
	if p.IPVersion == 6 {
		v4 = v6
	}
	p.Events.Add(v4)
}

func keyOf(p *Packet) fragKey {
	k := fragKey{
		src: p.Src, dst: p.Dst, outer: p.Mirror.OuterSrc,
		id: p.IPID, vni: p.Mirror.VNI, vlan: p.VLAN,
		version: p.IPVersion, depth: p.Mirror.Depth,
	}
	if p.IPVersion == 4 { // RFC 8200 §4.5 leaves the protocol out
		k.proto = p.Proto
	}
	return k
}

// find returns p's datagram, making room for a new one.
func (g *Defrag) find(p *Packet) *datagram {
	k := keyOf(p)
	if t := g.open[k]; t != nil {
		return t
	}
	if len(g.open) >= g.cfg.MaxDatagrams {
		g.evict()
	}
	t := g.spare
	if t == nil {
		t = new(datagram)
	} else {
		g.spare = t.next
	}
	t.key, t.first, t.next, t.prev = k, p.Time, nil, g.newest
	if g.newest != nil {
		g.newest.next = t
	} else {
		g.oldest = t
	}
	g.newest = t
	g.open[k] = t
	return t
}

// fits makes room in t for a fragment that ends at end and, if it is the
// first, keeps its headers. Other datagrams give way, the oldest first.
func (g *Defrag) fits(p *Packet, t *datagram, end int) bool {
	if t.pieces >= g.cfg.MaxPieces {
		g.Counters.MaxPieces++
		return false
	}
	if p.FragOff == 0 && t.headLen == 0 && !t.keepHead(p) {
		g.Counters.HeadTooLong++
		return false
	}
	for g.pieces >= g.cfg.MaxFragments {
		if !g.evictFor(t) {
			return false
		}
	}
	for need := headroom + end; len(t.buf) < need; {
		if b := g.mem.get(need); b != nil {
			copy(b, t.buf)
			g.mem.put(t.buf)
			t.buf = b
			break
		}
		if !g.evictFor(t) {
			return false
		}
	}
	return true
}

// evictFor makes room for a fragment of t, unless t itself is the oldest.
func (g *Defrag) evictFor(t *datagram) bool {
	if g.oldest == t {
		g.Counters.NoRoom++
		return false
	}
	g.evict()
	return true
}

// keep puts the fragment's bytes where they belong.
func (g *Defrag) keep(p *Packet, t *datagram, off, end int) bool {
	t.pieces++
	g.pieces++
	if !p.MoreFrags {
		t.sawLast = true
	}
	t.total = max(t.total, end)
	if g.insert(t, p.L4, off, g.policy(p)) {
		g.Counters.Overlaps++
		p.addByVersion(EventIPv4FragOverlap, EventIPv6FragOverlap)
	}
	return true
}

func (g *Defrag) policy(p *Packet) DefragPolicy {
	pol := g.cfg.Policy
	if g.cfg.PolicyOf != nil {
		pol = g.cfg.PolicyOf(p.Dst)
	}
	switch {
	case pol != DefragDefault:
		return pol
	case p.IPVersion == 4:
		return DefragWindows
	}
	return DefragBSD
}

// newWins decides an overlap between an old fragment and the new one.
func (pol DefragPolicy) newWins(old, fresh extent) bool {
	switch pol {
	case DefragLast:
		return true
	case DefragBSD:
		return fresh.from < old.from
	case DefragBSDRight:
		return fresh.from >= old.from
	case DefragLinux:
		return fresh.from <= old.from
	case DefragSolaris:
		return fresh.from < old.from && fresh.till >= old.till
	case DefragWindows:
		return fresh.from < old.from && fresh.till > old.till
	}
	return false
}

// insert writes b at off as far as the policy allows and reports whether any
// of it was there already. The work is linear in the extents that b meets, and
// they are at most twice the fragments.
func (g *Defrag) insert(t *datagram, b []byte, off int, pol DefragPolicy) bool {
	fresh := extent{int32(off), int32(off + len(b)), int32(off), int32(off + len(b))}
	lo, _ := slices.BinarySearchFunc(t.ext, fresh.off, func(e extent, at int32) int {
		if e.end <= at {
			return -1
		}
		return 1
	})
	g.scratch = g.scratch[:0]
	hi, pos, overlap := lo, fresh.off, false
	for ; hi < len(t.ext) && t.ext[hi].off < fresh.end; hi++ {
		old := t.ext[hi]
		overlap = true
		from, till := max(old.off, fresh.off), min(old.end, fresh.end)
		t.covered += int(from - pos)
		g.piece(t, b, fresh, pos, from)
		if pol.newWins(old, fresh) {
			g.rest(old, old.off, from)
			g.piece(t, b, fresh, from, till)
			g.rest(old, till, old.end)
		} else {
			g.rest(old, old.off, old.end)
		}
		pos = till
	}
	t.covered += int(fresh.end - pos)
	g.piece(t, b, fresh, pos, fresh.end)
	t.ext = slices.Replace(t.ext, lo, hi, g.scratch...)
	return overlap
}

// piece takes [from, till) of the datagram from the new fragment b.
func (g *Defrag) piece(t *datagram, b []byte, fresh extent, from, till int32) {
	if from >= till {
		return
	}
	copy(t.buf[headroom+from:headroom+till], b[from-fresh.from:])
	if n := len(g.scratch); n > 0 {
		if last := &g.scratch[n-1]; last.end == from && last.from == fresh.from && last.till == fresh.till {
			last.end = till
			return
		}
	}
	g.scratch = append(g.scratch, extent{from, till, fresh.from, fresh.till})
}

// rest leaves [from, till) to the old fragment.
func (g *Defrag) rest(old extent, from, till int32) {
	if from < till {
		g.scratch = append(g.scratch, extent{from, till, old.from, old.till})
	}
}

// complete takes t out if nothing of it is missing.
func (g *Defrag) complete(t *datagram) bool {
	if !t.sawLast || t.headLen == 0 || t.covered < t.total {
		return false
	}
	if t.key.version == 4 {
		g.Counters.Reassembled4++
	} else {
		g.Counters.Reassembled6++
	}
	g.unlink(t)
	g.done = t
	g.lent[g.nlent] = t
	g.nlent++
	return true
}

// Expire gives up the datagrams that have waited too long at packet time now,
// nanoseconds.
func (g *Defrag) Expire(now int64) {
	for t := g.oldest; t != nil && now-t.first > g.cfg.Timeout; t = g.oldest {
		g.giveUp(t)
	}
}

// Flush gives up all datagrams: the capture is over. They count as timed out.
func (g *Defrag) Flush() {
	for g.oldest != nil {
		g.giveUp(g.oldest)
	}
}

// giveUp takes t, whose rest has not come, for lost.
func (g *Defrag) giveUp(t *datagram) {
	if t.key.version == 4 {
		g.Counters.Timeouts4++
	} else {
		g.Counters.Timeouts6++
	}
	g.unlink(t)
	g.release(t)
}

// evict gives up the oldest datagram for a newer one.
func (g *Defrag) evict() {
	t := g.oldest
	if t == nil {
		return
	}
	g.Counters.Evicted++
	g.unlink(t)
	g.release(t)
}

// unlink takes t out of the table; its memory stays.
func (g *Defrag) unlink(t *datagram) {
	delete(g.open, t.key)
	if t.prev != nil {
		t.prev.next = t.next
	} else {
		g.oldest = t.next
	}
	if t.next != nil {
		t.next.prev = t.prev
	} else {
		g.newest = t.prev
	}
	g.pieces -= t.pieces
}

// release puts an unlinked datagram on the free list. A long list of extents
// is not kept: only an attack needs one.
func (g *Defrag) release(t *datagram) {
	const keepExtents = 64
	g.mem.put(t.buf)
	ext := t.ext[:0]
	if cap(ext) > keepExtents {
		ext = nil
	}
	*t = datagram{ext: ext, next: g.spare}
	g.spare = t
}
