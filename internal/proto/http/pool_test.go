package http

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// randomTraffic is a flow of messages and rubbish: what is whole, cut, and of
// odd order.
func randomTraffic(rng *rand.Rand) (out []struct {
	d proto.Dir
	b string
}) {
	pieces := [2][]string{
		{"GET /a%20b?x=1 HTTP/1.1\r\n", "POST /up HTTP/1.1\r\n", "Host: h.example\r\n", "Cookie: a=1\r\n", "Content-Length: 5\r\n", "\r\n", "hello",
			"Content-Type: multipart/form-data; boundary=xx\r\n", "--xx\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\ndata\r\n--xx--\r\n",
			"Transfer-Encoding: chunked\r\n", "5\r\nworld\r\n0\r\n\r\n", "rubbish\x00"},
		{"HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "Server: s\r\n", "Content-Length: 4\r\n", "\r\n", "body", "Set-Cookie: b=2\r\n",
			"Content-Encoding: gzip\r\n", "Transfer-Encoding: chunked\r\n", "4\r\nbody\r\n0\r\n\r\n", "rubbish"},
	}
	for range 10 + rng.IntN(40) {
		d := proto.Dir(rng.IntN(2))
		var b strings.Builder
		for range 1 + rng.IntN(4) {
			b.WriteString(pieces[d][rng.IntN(len(pieces[d]))])
		}
		out = append(out, struct {
			d proto.Dir
			b string
		}{d, b.String()})
	}
	return out
}

// playRandom returns all that can be seen of a flow's transactions.
func playRandom(desc *proto.Descriptor, p proto.Parser, seed uint64) string {
	rng := rand.New(rand.NewPCG(seed, 5))
	var out strings.Builder
	free := func(n int) {
		for _, tx := range p.Txs()[:n] {
			b := tx.Base()
			fmt.Fprintf(&out, "%d %v %v %v %d", b.ID, b.Progress, b.Only, b.Events, len(b.Files))
			for id := range desc.Buffers {
				for i := range 3 {
					if v, ok := tx.Buffer(uint8(id), i); ok {
						fmt.Fprintf(&out, " %s=%q", desc.Buffers[id].Name, v)
					}
				}
			}
			out.WriteString("\n")
		}
		p.Free(n)
	}
	for _, seg := range randomTraffic(rng) {
		p.Data(seg.d, []byte(seg.b))
		if rng.IntN(3) == 0 {
			free(rng.IntN(len(p.Txs()) + 1))
		}
	}
	p.Close(proto.ToServer)
	p.Close(proto.ToClient)
	free(len(p.Txs()))
	p.Reset()
	return out.String()
}

// TestPool: what flows of several workers leave behind in the transactions that
// they share is not seen by the next.
func TestPool(t *testing.T) {
	const workers, flows = 4, 60
	shared := Descriptor()
	var wg sync.WaitGroup
	for w := range uint64(workers) {
		wg.Go(func() {
			reused := shared.New(&proto.Config{})
			for n := range uint64(flows) {
				seed := w*flows + n
				fresh := Descriptor()
				want := playRandom(fresh, fresh.New(&proto.Config{}), seed)
				if got := playRandom(shared, reused, seed); got != want {
					t.Errorf("flow %d:\ngot  %s\nwant %s", seed, got, want)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestPoolBound: what detection keeps in a transaction counts as the pool's.
func TestPoolBound(t *testing.T) {
	var pl pool
	for range 2048 {
		x := &tx{}
		x.Detect.Candidates[0] = make([]uint32, 0, 4096)
		pl.put(x)
	}
	if n := len(pl.txs); n > maxPooled/(16<<10) {
		t.Errorf("%d transactions with 16 KiB of candidates each wait", n)
	}
}
