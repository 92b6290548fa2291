package detect

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestShardsAreNotAimed: addresses of one host part, or of any other pattern
// that a public hash would put into one shard, reach them all.
func TestShardsAreNotAimed(t *testing.T) {
	s := NewShared()
	for at := range 16 {
		seen := map[*shard]bool{}
		var a, b packet.Addr
		for i := range 4096 {
			a[at], a[(at+1)%16] = byte(i), byte(i>>8)
			seen[s.of(&a, &b, 1)] = true
		}
		if len(seen) != shards {
			t.Errorf("bytes %d on: %d of %d shards", at, len(seen), shards)
		}
	}
}

func TestShardDoesNotAllocate(t *testing.T) {
	s := NewShared()
	var a, b packet.Addr
	if n := testing.AllocsPerRun(100, func() { s.of(&a, &b, 1) }); n != 0 {
		t.Errorf("allocations: want 0, got %v", n)
	}
}
