package spare

import (
	"bytes"
	"testing"
)

func TestAppend(t *testing.T) {
	var p Pool
	var b, want []byte
	for i, n := range []int{1, 500, 11, 1, 3000, 600, 10000, 2284, 1, 40000} {
		part := bytes.Repeat([]byte{byte(i)}, n)
		b, want = p.Append(b, part), append(want, part...)
		if !bytes.Equal(b, want) {
			t.Fatalf("after part %d: other bytes", i)
		}
	}
}

func TestFit(t *testing.T) {
	for _, tt := range []struct{ length, from, want int }{
		{0, 4096, 0}, {256, 4096, 512}, {256, 512, 512}, {600, 16384, 4096},
		{600, 4096, 4096}, {5000, 16384, 16384}, {5000, 60000, 16384},
		{20000, 60000, 60000}, {0, 0, 0},
	} {
		var p Pool
		b := make([]byte, tt.length, tt.from)
		for i := range b {
			b[i] = byte(i)
		}
		got := p.Fit(b)
		if cap(got) != tt.want || !bytes.Equal(got, b) {
			t.Errorf("%d bytes of %d: %d of %d", tt.length, tt.from, len(got), cap(got))
		}
	}
}

func TestReuse(t *testing.T) {
	var p Pool
	part := make([]byte, 1460)
	got := testing.AllocsPerRun(100, func() {
		b := p.Append(nil, part)
		b = p.Append(b, part)
		b = p.Fit(b[:256])
		p.Put(p.Append(b, part))
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func TestBound(t *testing.T) {
	var p Pool
	for range 2 * keepBytes / sizes[2] {
		p.Put(make([]byte, 0, sizes[2]))
	}
	if n := len(p.free[2]); n != keepBytes/sizes[2] {
		t.Errorf("%d buffers kept", n)
	}
}
