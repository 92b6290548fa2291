package prototest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// step is one call: bytes, or a hole of gap bytes.
type step struct {
	dir proto.Dir
	b   []byte
	gap int
}

func steps(script []Segment) []step {
	out := make([]step, 0, len(script))
	for _, s := range script {
		out = append(out, step{dir: s.Dir, b: s.Bytes})
	}
	return out
}

// comparison says what a variant must have in common with the whole case.
type comparison uint8

const (
	anything comparison = iota // only the contract
	same
	sameSet // but for order and numbers
)

type variant struct {
	name    string
	steps   []step
	compare comparison
}

// variants derives the other ways of one conversation.
func variants(c *Case) []variant {
	whole := steps(c.Script)
	var out []variant
	if !c.UDP {
		out = append(out, variant{"merged", merge(whole), same})
		for _, n := range pick([]int{1, 2, 3, 7, 1460}) {
			cuts := cut(merge(whole), n)
			out = append(out, variant{fmt.Sprintf("cut%d", n), cuts, same})
		}
	}
	loose := anything
	if c.AnyOrder {
		loose = sameSet
	}
	out = append(out,
		variant{"client-first", sides(whole, proto.ToServer), loose},
		variant{"server-first", sides(whole, proto.ToClient), loose},
		variant{"server-only", only(whole, proto.ToClient), anything},
		variant{"client-only", only(whole, proto.ToServer), anything},
	)
	if !c.UDP {
		for _, n := range pick([]int{1, 5, 100}) {
			out = append(out, variant{fmt.Sprintf("weave%d", n), weave(whole, n), loose})
		}
	}
	for i := range min(len(whole), maxHoles) {
		out = append(out, variant{fmt.Sprintf("hole%d", i), hole(whole, i, c.UDP), anything})
	}
	return out
}

// maxHoles bounds the variants of a long script.
const maxHoles = 32

// pick leaves the first one to a short run.
func pick(sizes []int) []int {
	if testing.Short() {
		return sizes[:1]
	}
	return sizes
}

// merge joins neighbours of one direction.
func merge(in []step) (out []step) {
	for _, s := range in {
		if n := len(out); n > 0 && out[n-1].dir == s.dir {
			out[n-1].b = slices.Concat(out[n-1].b, s.b)
			continue
		}
		out = append(out, s)
	}
	return out
}

// cut splits every step into pieces of n bytes.
func cut(in []step, n int) (out []step) {
	for _, s := range in {
		for piece := range slices.Chunk(s.b, n) {
			out = append(out, step{dir: s.dir, b: piece})
		}
	}
	return out
}

func only(in []step, d proto.Dir) (out []step) {
	for _, s := range in {
		if s.dir == d {
			out = append(out, s)
		}
	}
	return out
}

// sides plays one direction, then the other.
func sides(in []step, first proto.Dir) []step {
	return append(only(in, first), only(in, first.Opposite())...)
}

// weave takes n bytes of each direction in turn.
func weave(in []step, n int) (out []step) {
	a := cut(merge(only(in, proto.ToServer)), n)
	b := cut(merge(only(in, proto.ToClient)), n)
	for i := range max(len(a), len(b)) {
		if i < len(a) {
			out = append(out, a[i])
		}
		if i < len(b) {
			out = append(out, b[i])
		}
	}
	return out
}

// hole loses step i: a gap in a stream, nothing at all for a datagram.
func hole(in []step, i int, udp bool) []step {
	out := slices.Clone(in)
	if udp {
		return slices.Delete(out, i, i+1)
	}
	out[i] = step{dir: in[i].dir, gap: len(in[i].b)}
	return out
}
