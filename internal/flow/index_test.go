package flow

import (
	"encoding/binary"
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
	seeded := newSecrets(1)
	k := Key{LoPort: 53, HiPort: 40000, Proto: 17}
	for i := range n {
		k.Hi[14], k.Hi[15] = byte(i>>8), byte(i)
		load[k.hash(&seeded)%n]++
	}
	worst := uint8(0)
	for _, l := range load {
		worst = max(worst, l)
	}
	if worst > 12 {
		t.Errorf("fullest bucket: %d of %d keys in %d buckets", worst, n, n)
	}
}

// TestHashIsNotAimed: keys made to turn a factor of the hash to zero, had it a
// public constant or none in it, spread as others do.
func TestHashIsNotAimed(t *testing.T) {
	const n = 1 << 12
	public := [...]uint64{0, 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3}
	le := binary.LittleEndian
	for _, lo := range public {
		for _, hi := range public {
			for seed := range uint64(2) {
				s := newSecrets(seed + 1)
				seen := map[uint64]bool{}
				for i := range uint64(n) {
					k := Key{Proto: 17, LoPort: uint16(i), HiPort: 53}
					le.PutUint64(k.Lo[:], lo)
					le.PutUint64(k.Lo[8:], i*77777)
					le.PutUint64(k.Hi[:], hi^1)
					le.PutUint64(k.Hi[8:], 17<<32) // what is mixed with it at last
					seen[k.hash(&s)] = true
				}
				if len(seen) < n {
					t.Errorf("seed %d, %#x, %#x: %d hashes of %d keys", seed, lo, hi, len(seen), n)
				}
			}
		}
	}
}

// TestEverySecretCounts: no product does without its secret.
func TestEverySecretCounts(t *testing.T) {
	k := Key{Proto: 17, LoPort: 1, HiPort: 53}
	k.Lo[3], k.Lo[12], k.Hi[3], k.Hi[12] = 1, 2, 3, 4
	s := newSecrets(1)
	before := k.hash(&s)
	for i := range s {
		with := s
		with[i]++
		if k.hash(&with) == before {
			t.Errorf("secret %d has no effect", i)
		}
	}
}
