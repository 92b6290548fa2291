package ssh

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

// packet is one packet of the protocol before encryption (RFC 4253 §6).
func packet(code byte, payload ...byte) []byte {
	pad := 4 + 8 - (6+4+len(payload))%8
	b := binary.BigEndian.AppendUint32(nil, uint32(2+len(payload)+pad))
	return slices.Concat(b, []byte{byte(pad), code}, payload, make([]byte, pad))
}

// lists is what a side offers: key exchange, host key, then pairs of ciphers,
// MACs, compressions and languages.
var lists = []string{
	"curve25519-sha256,ext-info-c", "ssh-ed25519", "aes256-gcm", "aes128-ctr",
	"hmac-c2s", "hmac-s2c", "none,zlib", "none", "", "",
}

func kexinit(lists []string) []byte {
	b := make([]byte, 16)
	for _, l := range lists {
		b = binary.BigEndian.AppendUint32(b, uint32(len(l)))
		b = append(b, l...)
	}
	return packet(msgKexinit, append(b, 0, 0, 0, 0, 0)...)
}

func cases() []prototest.Case {
	c2s, s2c := prototest.C2S[[]byte], prototest.S2C[[]byte]
	client, server := []byte("SSH-2.0-OpenSSH_9.9 comment\r\n"), []byte("SSH-2.0-Mirror_1.0\r\n")
	newkeys := packet(msgNewkeys)
	cipher := []byte(strings.Repeat("\x9c\x01\xfe", 100))
	kex := kexinit(lists)
	full := []prototest.Segment{
		s2c(server), c2s(client), c2s(kex), s2c(kex), c2s(packet(30, 1, 2, 3)),
		s2c(packet(31, 4, 5, 6)), s2c(newkeys), c2s(newkeys), c2s(cipher), s2c(cipher),
	}
	long := []byte("SSH-2.0-" + strings.Repeat("x", 400) + "\r\n")
	return []prototest.Case{
		{Name: "full", Script: full, AnyOrder: true},
		{Name: "one-segment", Script: []prototest.Segment{
			c2s(slices.Concat(client, kex, newkeys, cipher)), s2c(slices.Concat(server, kex, newkeys, cipher)),
		}, AnyOrder: true},
		{Name: "banners", Script: full[:2], AnyOrder: true},
		{Name: "server-only", Script: full[:1]},
		{Name: "no-line-end", Script: []prototest.Segment{c2s([]byte("SSH-2.0-scan"))}},
		{Name: "bare-newline", Script: []prototest.Segment{c2s([]byte("SSH-2.0-a\n")), s2c([]byte("SSH-1.99-b\n"))}},
		{Name: "version-1", Script: []prototest.Segment{s2c([]byte("SSH-1.5-old\n")), c2s([]byte("SSH-1.5-older\n")), s2c(cipher), c2s(cipher)}},
		{Name: "long-banner", Script: []prototest.Segment{c2s(long), c2s(kex)}},
		{Name: "bad-banner", Script: []prototest.Segment{c2s([]byte("SSH-2.0\r\n"))}},
		{Name: "preamble", Port: 22, Script: []prototest.Segment{
			c2s(client), s2c([]byte("Welcome.\r\n" + strings.Repeat("y", 300) + "\r\n")), s2c(server), s2c(kex),
		}},
		{Name: "endless-preamble", Script: []prototest.Segment{c2s(client), s2c([]byte(strings.Repeat("Go away.\r\n", 200)))}},
		{Name: "bad-packet", Script: []prototest.Segment{c2s(client), c2s([]byte{0, 0, 0, 1, 0, 0, 0})}},
		{Name: "bad-padding", Script: []prototest.Segment{c2s(client), c2s([]byte{0, 0, 0, 9, 9, 20, 0})}},
		{Name: "bad-kexinit", Script: []prototest.Segment{c2s(client), c2s(packet(msgKexinit, make([]byte, 15)...)), c2s(kexinit(lists[:5]))}},
		{Name: "long-kexinit", Script: []prototest.Segment{c2s(client), c2s([]byte{0, 1, 0, 0, 4, msgKexinit}), c2s(make([]byte, 1<<16-2)), c2s(newkeys)}},
	}
}

func TestConformance(t *testing.T) { prototest.Run(t, distinct(Descriptor()), cases()) }

func FuzzParser(f *testing.F) { prototest.Fuzz(f, Descriptor(), cases()) }

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

// TestHASSH makes the hash from the lists by hand: each side's own direction.
func TestHASSH(t *testing.T) {
	p := newParser(&proto.Config{}).(*parser)
	for i, s := range cases()[0].Script {
		pr := p.Data(s.Dir, s.Bytes)
		if pr.Stop || pr.Encrypted != (i >= 8) {
			t.Fatalf("segment %d: %+v", i, pr)
		}
	}
	tests := []struct {
		id   uint8
		want string
	}{
		{bufHASSHString, "curve25519-sha256,ext-info-c;aes256-gcm;hmac-c2s;none,zlib"},
		{bufHASSHServerString, "curve25519-sha256,ext-info-c;aes128-ctr;hmac-s2c;none"},
	}
	for _, tt := range tests {
		if got, _ := p.tx.Buffer(tt.id, 0); string(got) != tt.want {
			t.Errorf("lists %q, want %q", got, tt.want)
		}
		sum := md5.Sum([]byte(tt.want))
		if got, _ := p.tx.Buffer(tt.id-1, 0); string(got) != fmt.Sprintf("%x", sum) {
			t.Errorf("hash %q, want %x", got, sum)
		}
	}
	if !p.Data(proto.ToServer, []byte("x")).Encrypted {
		t.Error("not encrypted behind NEWKEYS")
	}
	if got := Software(&p.tx, proto.ToServer); string(got) != "OpenSSH_9.9" {
		t.Errorf("software %q", got)
	}
}

// TestPlain: without HASSH the record waits for the banners only.
func TestPlain(t *testing.T) {
	for _, set := range []string{"no", "yes", ""} {
		p := newParser(&proto.Config{Set: func(string) string { return set }}).(*parser)
		for i, s := range cases()[0].Script[:4] {
			p.Data(s.Dir, s.Bytes)
			want := i >= 1 && set == "no" || i >= 3
			if got := p.tx.LogReady != 0; got != want {
				t.Errorf("hassh %q: segment %d: ready %v", set, i, got)
			}
		}
		if got := len(HASSH(&p.tx, proto.ToClient)) > 0; got != (set != "no") {
			t.Errorf("hassh %q: made %v", set, got)
		}
	}
}

func TestProbe(t *testing.T) {
	tests := []struct {
		in   string
		want proto.Verdict
	}{
		{"", proto.NeedMore}, {"SS", proto.NeedMore}, {"SSH", proto.NeedMore}, {"SSH-", proto.Accept},
		{"SSH-2.0-x\r\n", proto.Accept}, {"ssh-2.0", proto.Reject}, {"SX", proto.Reject}, {"GET /", proto.Reject},
	}
	for _, tt := range tests {
		if got := probe(proto.ToServer, []byte(tt.in)); got != tt.want {
			t.Errorf("%q: %d, want %d", tt.in, got, tt.want)
		}
	}
}

func TestKeywords(t *testing.T) {
	p := newParser(&proto.Config{}).(*parser)
	p.Data(proto.ToServer, []byte("SSH-1.99-Cisco_client-1.25\r\n"))
	tests := []struct {
		keyword     int
		value       string
		want, fails bool
	}{
		{0, "1.99", true, false}, {0, `"1.99"`, true, false}, {0, "2_compat", true, false}, {0, "2.0", false, false},
		{0, "", false, true}, {0, "two", false, true},
		{1, `"Cisco"`, true, false}, {1, "client-1", true, false}, {1, "OpenSSH", false, false}, {1, `""`, false, true},
	}
	for _, tt := range tests {
		test, err := keywords()[tt.keyword].Parse(tt.value)
		if (err != nil) != tt.fails {
			t.Errorf("%q: error %v", tt.value, err)
			continue
		}
		if err == nil && test(&p.tx, proto.ToServer) != tt.want {
			t.Errorf("%q: want %v", tt.value, tt.want)
		}
	}
}

// TestGap loses bytes inside a packet: the negotiation goes on behind them.
func TestGap(t *testing.T) {
	kex := kexinit(lists)
	for _, to := range []int{40, len(kex)} {
		p := newParser(&proto.Config{}).(*parser)
		p.Data(proto.ToServer, []byte("SSH-2.0-x\r\n"))
		p.Data(proto.ToServer, kex[:20])
		if !p.Gap(proto.ToServer, to-20) {
			t.Fatal("lost")
		}
		p.Data(proto.ToServer, kex[to:])
		p.Data(proto.ToServer, packet(msgNewkeys))
		if p.tx.Progress[proto.ToServer] != finished || len(p.tx.sides[0].hassh) != 0 {
			t.Errorf("gap to %d: progress %v", to, p.tx.Progress)
		}
	}
	p := newParser(&proto.Config{}).(*parser)
	p.Data(proto.ToServer, []byte("SSH-2.0"))
	if p.Gap(proto.ToServer, 1) {
		t.Error("a gap in the banner keeps the direction")
	}
}

func TestAllocs(t *testing.T) { prototest.Allocs(t, Descriptor(), cases()) }

func BenchmarkNegotiation(b *testing.B) {
	script := cases()[0].Script
	p := newParser(&proto.Config{})
	b.ReportAllocs()
	for b.Loop() {
		p.Reset()
		for _, s := range script {
			p.Data(s.Dir, s.Bytes)
		}
	}
}
