package dns

import (
	"bytes"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

func FuzzParser(f *testing.F) {
	prototest.Fuzz(f, Descriptor(), append(dnsCases(), malformedCases()...))
}

func FuzzMDNS(f *testing.F) { prototest.Fuzz(f, MDNS(), mdnsCases()) }

// FuzzName checks the bounds of a decoded name and that memory changes nothing.
func FuzzName(f *testing.F) {
	f.Add(wire("www.example.com"), uint16(0))
	f.Add(cat(3, "www", ptr(headerLen)), uint16(0))
	f.Add(cat(1, "a", ptr(headerLen+4), ptr(headerLen+2), 0), uint16(4))
	f.Add(longName(), uint16(0))
	f.Fuzz(func(t *testing.T, body []byte, at uint16) {
		if len(body) > 0xffff-headerLen {
			return
		}
		msg := append(make([]byte, headerLen), body...)
		pos := headerLen + int(at)%(len(body)+1)
		tx := &Tx{mem: bytes.Clone(msg), size: len(msg)}
		n, next, ok := tx.readName(pos, len(msg))
		if !ok {
			return
		}
		if next < pos || next > len(msg) {
			t.Fatalf("name at %d ends at %d of %d", pos, next, len(msg))
		}
		if n.len > MaxName {
			t.Fatalf("%d bytes kept, want at most %d", n.len, MaxName)
		}
		first := bytes.Clone(tx.bytes(n.span))
		again, next2, ok := tx.readName(pos, len(msg))
		if !ok || next2 != next || again.flags != n.flags || !bytes.Equal(tx.bytes(again.span), first) {
			t.Fatalf("second look: %q %d %v, want %q %d", tx.bytes(again.span), next2, ok, first, next)
		}
		if !bytes.Equal(tx.mem[:len(msg)], msg) {
			t.Fatal("the message changed")
		}
	})
}

// FuzzProbe checks that a stream's verdict never goes back from Reject, and
// that Accept stays when more comes.
func FuzzProbe(f *testing.F) {
	for _, c := range dnsCases() {
		f.Add(c.Script[0].Bytes)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		probe(proto.ToServer, b)
		probeMDNS(proto.ToServer, b)
		b = b[:min(len(b), 256)]
		last := proto.NeedMore
		for n := range b {
			v := checkStream(b[:n])
			if last != proto.NeedMore && v != last {
				t.Fatalf("%d bytes: verdict %d after %d", n, v, last)
			}
			last = v
		}
	})
}
