package tls

import (
	"strconv"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

func TestConformance(t *testing.T) { prototest.Run(t, distinct(Descriptor()), cases(t)) }

// distinct names the server's half of the buffers that both sides have apart,
// so that the golden files show whose is whose.
func distinct(d *proto.Descriptor) *proto.Descriptor {
	seen := map[string]bool{}
	for i := range d.Buffers {
		b := &d.Buffers[i]
		if seen[b.Name] {
			b.Name, b.Aliases = "server "+b.Name, nil
		}
		seen[b.Name] = true
	}
	return d
}

// TestBothSides: a name that comes twice means one buffer of either direction.
func TestBothSides(t *testing.T) {
	dirs := map[string]proto.DirMask{}
	for _, b := range buffers() {
		if dirs[b.Name]&b.Dir != 0 {
			t.Errorf("%s: twice for one direction", b.Name)
		}
		dirs[b.Name] |= b.Dir
	}
	if n := len(buffers()); n != bufferCount {
		t.Errorf("%d buffers, want %d", n, bufferCount)
	}
}

func FuzzParser(f *testing.F) { prototest.Fuzz(f, Descriptor(), cases(f)) }

func TestProbe(t *testing.T) {
	hello := rec(22, 0x0301, modernHello("a.example")...)
	tests := []struct {
		name string
		dir  proto.Dir
		in   []byte
		want proto.Verdict
	}{
		{"nothing", proto.ToServer, nil, proto.NeedMore},
		{"hello", proto.ToServer, hello, proto.Accept},
		{"five bytes", proto.ToServer, hello[:5], proto.NeedMore},
		{"six bytes", proto.ToServer, hello[:6], proto.Accept},
		{"one byte", proto.ToServer, hello[:1], proto.NeedMore},
		{"empty records", proto.ToServer, append(rec(22, 0x0301), hello...), proto.Accept},
		{"empty record", proto.ToServer, rec(22, 0x0301), proto.Accept},
		{"empty record and rubbish", proto.ToServer, append(rec(22, 0x0300), 0, 0, 0), proto.Accept},
		{"long record", proto.ToServer, []byte{22, 3, 1, 0xff, 0xff, 1}, proto.Reject},
		{"wrong way", proto.ToClient, hello, proto.Reject},
		{"alert", proto.ToClient, rec(21, 0x0303, 2, 40), proto.Accept},
		{"odd alert", proto.ToClient, rec(21, 0x0303, 2, 40, 1), proto.Reject},
		{"application data", proto.ToServer, rec(23, 0x0303, make([]byte, 64)...), proto.Accept},
		{"empty data", proto.ToServer, rec(23, 0x0303), proto.Reject},
		{"version", proto.ToServer, []byte{22, 4, 1}, proto.Reject},
		{"minor version", proto.ToServer, []byte{22, 3, 9}, proto.Reject},
		{"http", proto.ToServer, []byte("GET / HTTP/1.1\r\n"), proto.Reject},
		{"sslv2", proto.ToServer, []byte{0x80, 46, 1, 0, 2}, proto.Accept},
		{"sslv2 tls", proto.ToServer, []byte{0x80, 46, 1, 3, 1}, proto.Accept},
		{"sslv2 short", proto.ToServer, []byte{0x80, 46}, proto.NeedMore},
		{"sslv2 version", proto.ToServer, []byte{0x80, 46, 1, 9, 1}, proto.Reject},
		{"sslv2 server", proto.ToClient, []byte{0x83, 46, 4, 0, 1, 0, 2}, proto.Accept},
	}
	for _, tt := range tests {
		if got := probe(tt.dir, tt.in); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

func TestAllocs(t *testing.T) { prototest.Allocs(t, Descriptor(), cases(t)) }

// TestEncrypted: the bytes that end the handshakes are not ciphertext yet.
func TestEncrypted(t *testing.T) {
	for _, c := range fullCases(t, testCert(t, "x"))[:1] {
		p := newParser(&proto.Config{})
		for i, s := range c.Script {
			if got, want := p.Data(s.Dir, s.Bytes).Encrypted, i >= 4; got != want {
				t.Errorf("segment %d: encrypted %v", i, got)
			}
		}
	}
}

// TestGap loses bytes inside a record: the handshake goes on behind them.
func TestGap(t *testing.T) {
	script := fullCases(t, testCert(t, "x"))[0].Script
	flight := script[1].Bytes
	for _, hole := range []struct{ from, to int }{{200, 300}, {6, 9}, {100, len(flight)}} {
		p := newParser(&proto.Config{}).(*parser)
		p.Data(proto.ToServer, script[0].Bytes)
		p.Data(proto.ToClient, flight[:hole.from])
		if !p.Gap(proto.ToClient, hole.to-hole.from) {
			t.Fatalf("%v: lost", hole)
		}
		p.Data(proto.ToClient, flight[hole.to:])
		p.Data(proto.ToServer, script[2].Bytes)
		p.Data(proto.ToClient, script[3].Bytes)
		if pr := p.Data(proto.ToServer, script[4].Bytes); !pr.Encrypted || pr.Stop {
			t.Errorf("%v: %+v, want encrypted", hole, pr)
		}
		if p.tx.LogReady == 0 || !p.tx.Events.Empty() {
			t.Errorf("%v: log %v events %v", hole, p.tx.LogReady, p.tx.Events)
		}
	}
	p := newParser(&proto.Config{}).(*parser)
	p.Data(proto.ToServer, script[0].Bytes)
	p.Data(proto.ToClient, flight[:50])
	if p.Gap(proto.ToClient, len(flight)) {
		t.Error("a gap over the record's end keeps the direction")
	}
}

// BenchmarkBytewise feeds one long message byte by byte; the figures of a byte
// are the same for both sizes unless the work is quadratic.
func BenchmarkBytewise(b *testing.B) {
	for _, n := range []int{7 << 10, 56 << 10} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			stream := splitRecords(msg(11, vec24(vec24(make([]byte, n)...)...)...), 7)
			p := newParser(&proto.Config{})
			b.SetBytes(int64(len(stream)))
			for b.Loop() {
				p.Reset()
				for i := range stream {
					p.Data(proto.ToClient, stream[i:i+1])
				}
			}
		})
	}
}

func BenchmarkHandshake(b *testing.B) {
	script := fullCases(b, testCert(b, "x"))[0].Script
	p := newParser(&proto.Config{})
	n := 0
	for _, s := range script {
		n += len(s.Bytes)
	}
	b.SetBytes(int64(n))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		for _, s := range script {
			p.Data(s.Dir, s.Bytes)
		}
	}
}

func BenchmarkApplicationData(b *testing.B) {
	p := newParser(&proto.Config{})
	data := rec(23, 0x0303, make([]byte, 16<<10)...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		p.Data(proto.ToClient, data)
	}
}

// TestLogReady: the record waits for what is in it and for no more.
func TestLogReady(t *testing.T) {
	tests := []struct {
		name string
		want []bool // after each segment
	}{
		{"tls12", []bool{false, true}},
		{"client-certificate", []bool{false, false, true}},
		{"tls13", []bool{false, false, true}},
		{"tls13-retry", []bool{false, false, false, true}},
		{"hello-only", []bool{false}},
		{"resumed-id", []bool{false, false, true}},
	}
	all := cases(t)
	for _, tt := range tests {
		p := newParser(&proto.Config{}).(*parser)
		for _, c := range all {
			if c.Name != tt.name {
				continue
			}
			for i, want := range tt.want {
				p.Data(c.Script[i].Dir, c.Script[i].Bytes)
				if got := p.tx.LogReady != 0; got != want {
					t.Errorf("%s: segment %d: ready %v", tt.name, i, got)
				}
			}
		}
		p.Close(proto.ToServer)
		p.Close(proto.ToClient)
		if !p.tx.Done || p.tx.LogReady == 0 {
			t.Errorf("%s: done %v, ready %v at the end", tt.name, p.tx.Done, p.tx.LogReady)
		}
	}
}
