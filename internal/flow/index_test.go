package flow

import (
	"math/rand/v2"
	"testing"
)

// TestIndex compares the index with a map over random additions and removals,
// with hashes that collide in clusters.
func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	x := newIndex()
	want := map[uint32]uint64{} // place to hash
	for range 200_000 {
		place := uint32(r.IntN(6000))
		if hash, ok := want[place]; ok {
			x.remove(hash, place)
			delete(want, place)
			continue
		}
		hash := uint64(r.Uint32()) &^ 0xff
		x.add(hash, place)
		want[place] = hash
	}
	if x.n != len(want) {
		t.Fatalf("size: got %d, want %d", x.n, len(want))
	}
	for place, hash := range want {
		i := uint32(hash) & x.mask
		for x.entries[i] != uint64(uint32(hash))<<32|uint64(place+1) {
			if x.entries[i] == 0 {
				t.Fatalf("place %d not found", place)
			}
			i = (i + 1) & x.mask
		}
	}
}

// TestHashSpreads fills the keys of one /16 and looks at the low bits.
func TestHashSpreads(t *testing.T) {
	const n = 1 << 16
	var load [n]uint8
	k := Key{LoPort: 53, HiPort: 40000, Proto: 17}
	for i := range n {
		k.Hi[14], k.Hi[15] = byte(i>>8), byte(i)
		load[k.hash(1)%n]++
	}
	worst := uint8(0)
	for _, l := range load {
		worst = max(worst, l)
	}
	if worst > 12 {
		t.Errorf("fullest bucket: %d of %d keys in %d buckets", worst, n, n)
	}
}
