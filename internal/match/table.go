package match

import (
	"cmp"
	"math/bits"
	"slices"
)

// Kind says where in the buffer a Table entry must lie.
type Kind uint8

// Kinds of entry.
const (
	Exact  Kind = iota // equal to the whole buffer
	Suffix             // the buffer ends with it
	Prefix             // the buffer starts with it
)

// Entry is one literal of a Table.
type Entry struct {
	Bytes  []byte
	Nocase bool // ASCII case is ignored
	Kind   Kind
	ID     uint32
}

// Table finds the entries that equal, end or start a buffer. It hashes the
// buffer once from either side and looks a hash up only at the lengths that
// entries have, so its cost does not depend on their number. It is immutable.
type Table struct {
	forward, backward side
	size              int
}

// side holds the entries that are compared from one end of the buffer.
type side struct {
	partial lengths // of Prefix or Suffix entries
	whole   lengths // of Exact entries
	shift   uint    // 64 - log2(buckets)
	heads   []uint32
	entries []tableEntry // by bucket
}

type tableEntry struct {
	hash   uint64
	bytes  []byte // lower case where nocase
	exact  bool
	nocase bool
	ids    []uint32
}

// lengths is a set of numbers from 0 to most.
type lengths struct {
	bits []uint64
	most int
}

func (l *lengths) add(n int) {
	for len(l.bits) <= n>>6 {
		l.bits = append(l.bits, 0)
	}
	l.bits[n>>6] |= 1 << (n & 63)
	l.most = max(l.most, n)
}

func (l *lengths) has(n int) bool { return n>>6 < len(l.bits) && l.bits[n>>6]>>(n&63)&1 != 0 }

// step adds one byte, case ignored, to the hash of a string.
func step(hash uint64, c byte) uint64 {
	return (hash ^ uint64(lowerByte(c))) * 0x9E3779B97F4A7C15
}

// seed is the hash of the empty string.
const seed = 0x243F6A8885A308D3

// finish mixes the last bytes into the high bits, which number the buckets.
func finish(hash uint64) uint64 { return (hash ^ hash>>29) * 0xBF58476D1CE4E5B9 }

// BuildTable compiles entries into a Table. The bytes are copied. An entry
// without bytes holds for the empty buffer if Exact, and for every buffer
// otherwise.
func BuildTable(entries []Entry) *Table {
	t := &Table{size: len(entries)}
	var forward, backward []Entry
	for _, e := range entries {
		if e.Kind == Prefix {
			forward = append(forward, e)
		} else {
			backward = append(backward, e)
		}
	}
	t.forward.fill(forward, false)
	t.backward.fill(backward, true)
	return t
}

// Len returns the number of entries.
func (t *Table) Len() int { return t.size }

// Scan adds to h the ID of every entry that holds for b, each once. It
// allocates only when h must grow.
func (t *Table) Scan(b []byte, h *Hits) {
	t.forward.scanForward(b, h)
	t.backward.scanBackward(b, h)
}

func (s *side) fill(entries []Entry, backward bool) {
	type key struct {
		text          string
		nocase, exact bool
	}
	index := map[key]int{}
	for _, e := range entries {
		x := tableEntry{exact: e.Kind == Exact, nocase: e.Nocase, bytes: slices.Clone(e.Bytes)}
		if e.Nocase {
			x.bytes = lower(e.Bytes)
		}
		k := key{string(x.bytes), x.nocase, x.exact}
		at, ok := index[k]
		if !ok {
			at = len(s.entries)
			index[k] = at
			x.hash = hashString(x.bytes, backward)
			s.entries = append(s.entries, x)
		}
		if !slices.Contains(s.entries[at].ids, e.ID) {
			s.entries[at].ids = append(s.entries[at].ids, e.ID)
		}
	}
	s.index()
}

// index sorts the entries into buckets, two for each on the average.
func (s *side) index() {
	if len(s.entries) == 0 {
		return
	}
	s.shift = uint(64 - bits.Len(uint(len(s.entries))) - 1)
	slices.SortStableFunc(s.entries, func(a, b tableEntry) int { return cmp.Compare(a.hash, b.hash) })
	s.heads = make([]uint32, 1<<(64-s.shift)+1)
	for i := range s.entries {
		e := &s.entries[i]
		s.heads[e.hash>>s.shift+1]++
		if e.exact {
			s.whole.add(len(e.bytes))
		} else {
			s.partial.add(len(e.bytes))
		}
	}
	for i := 1; i < len(s.heads); i++ {
		s.heads[i] += s.heads[i-1]
	}
}

func hashString(b []byte, backward bool) uint64 {
	hash := uint64(seed)
	for i := range b {
		if backward {
			hash = step(hash, b[len(b)-1-i])
		} else {
			hash = step(hash, b[i])
		}
	}
	return finish(hash)
}

// depth returns how many bytes of a buffer of n bytes must be hashed.
func (s *side) depth(n int) int {
	if s.whole.has(n) {
		return n
	}
	return min(n, s.partial.most)
}

func (s *side) scanForward(b []byte, h *Hits) {
	if len(s.entries) == 0 {
		return
	}
	depth := s.depth(len(b))
	hash := uint64(seed)
	for n := 0; ; n++ {
		if s.partial.has(n) {
			s.look(hash, b[:n], n == len(b), h)
		}
		if n == depth {
			return
		}
		hash = step(hash, b[n])
	}
}

func (s *side) scanBackward(b []byte, h *Hits) {
	if len(s.entries) == 0 {
		return
	}
	depth := s.depth(len(b))
	hash := uint64(seed)
	for n := 0; ; n++ {
		if s.partial.has(n) || n == len(b) && s.whole.has(n) {
			s.look(hash, b[len(b)-n:], n == len(b), h)
		}
		if n == depth {
			return
		}
		hash = step(hash, b[len(b)-1-n])
	}
}

// look files the entries that are part, which is all of the buffer if whole.
func (s *side) look(hash uint64, part []byte, whole bool, h *Hits) {
	hash = finish(hash)
	bucket := hash >> (s.shift & 63)
	for i := s.heads[bucket]; i < s.heads[bucket+1]; i++ {
		e := &s.entries[i]
		if e.hash != hash || len(e.bytes) != len(part) || e.exact && !whole {
			continue
		}
		if e.nocase && equalFold(part, e.bytes) || !e.nocase && string(part) == string(e.bytes) {
			h.addAll(e.ids)
		}
	}
}
