package traffic

import (
	"bytes"
	"crypto/aes"
	"encoding/hex"
	"testing"

	"golang.org/x/net/http2/hpack"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestInitialKeys holds the derivation against RFC 9001 appendix A.1.
func TestInitialKeys(t *testing.T) {
	dcid := []byte{0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08}
	for _, tt := range []struct{ label, iv, hp string }{
		{"client in", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"},
		{"server in", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"},
	} {
		k, err := newInitialKeys(dcid, tt.label)
		if err != nil {
			t.Fatal(err)
		}
		if iv, hp := hex.EncodeToString(k.iv), hex.EncodeToString(k.hp); iv != tt.iv || hp != tt.hp {
			t.Errorf("%s: iv %s, hp %s", tt.label, iv, hp)
		}
	}
}

// TestQUIC opens the client's Initial and has crypto/tls read the hello.
func TestQUIC(t *testing.T) {
	var first []byte
	for _, f := range scenario(t, "http3").Frames(1, start()) {
		if s := decode(t, f); s.dst.Port() == 443 {
			first = bytes.Clone(s.payload)
			break
		}
	}
	if len(first) < 1200 {
		t.Fatalf("the first datagram has %d bytes, RFC 9000 §14.1 wants 1200", len(first))
	}
	k, err := newInitialKeys(first[6:14], "client in")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(k.hp)
	if err != nil {
		t.Fatal(err)
	}
	const at = 1 + 4 + 9 + 9 + 1 + 2 // packet number
	var mask [16]byte
	block.Encrypt(mask[:], first[at+4:at+20])
	first[0] ^= mask[0] & 0x0f
	for i := range 4 {
		first[at+i] ^= mask[1+i]
	}
	n := int(be.Uint16(first[at-2:]) & 0x3fff)
	frames, err := k.aead.Open(nil, k.iv, first[at+4:at+n], first[:at+4])
	if err != nil {
		t.Fatal(err)
	}
	if frames[0] != 0x06 || frames[1] != 0 {
		t.Fatalf("not a CRYPTO frame at 0: % x", frames[:4])
	}
	// crypto/tls reads records only; wrapped into one, the hello must pass
	// but for the empty session id, which it does not mind.
	got := hear(t, record(22, 0x0301, frames[4:4+int(be.Uint16(frames[2:])&0x3fff)]))
	if got == nil || got.ServerName == "" || len(got.SupportedProtos) != 1 || got.SupportedProtos[0] != "h3" {
		t.Errorf("hello: %+v", got)
	}
}

// TestGRPC walks the frames of both directions and has another decoder read
// the header blocks.
func TestGRPC(t *testing.T) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	count := map[byte]int{}
	seen := map[string]bool{}
	for p, b := range streams(t, scenario(t, "grpc").Frames(1, start())) {
		if p.dst.Port() == 50051 {
			if !bytes.HasPrefix(b, []byte(preface)) {
				t.Fatalf("client begins with %q", b[:min(24, len(b))])
			}
			b = b[len(preface):]
		}
		for len(b) > 0 {
			n := 9 + int(b[0])<<16 + int(b[1])<<8 + int(b[2])
			if len(b) < n {
				t.Fatalf("%v: frame of %d bytes, %d left", p, n, len(b))
			}
			count[b[3]]++
			if b[3] == h2Headers {
				fields, err := hpack.NewDecoder(4096, nil).DecodeFull(b[9:n])
				if err != nil {
					t.Fatalf("%v: header block: %v", p, err)
				}
				for _, f := range fields {
					seen[f.Name+": "+f.Value] = true
				}
			}
			b = b[n:]
		}
	}
	if count[h2Headers] != 9 || count[h2Data] != 6 || count[h2Settings] != 4 {
		t.Errorf("frames by type: %v", count)
	}
	for _, want := range []string{":method: POST", ":path: /shop.Stock/Reserve", ":authority: stock.internal:50051", ":status: 200", "grpc-status: 0"} {
		if !seen[want] {
			t.Errorf("no header says %q", want)
		}
	}
}

// TestDecoder: our own decoder finds nothing wrong with what we make, bare and
// mirrored.
func TestDecoder(t *testing.T) {
	cfg := packet.DefaultConfig()
	cfg.VerifyChecksums = true
	d := packet.NewDecoder(cfg)
	o := Outer{Src: host(1, 11), Dst: host(9, 9), VNI: 4711}
	var p packet.Packet
	for _, sc := range Scenarios() {
		for i, f := range sc.Frames(4, start()) {
			want := decode(t, f)
			for _, b := range [][]byte{f.Data, o.AppendMirrored(nil, f.Data)} {
				d.Decode(&p, packet.FrameInfo{Data: b, WireLen: len(b), Time: f.Time, Link: packet.LinkEthernet})
				if !p.Events.Empty() || p.Flags != 0 {
					t.Fatalf("%s: frame %d: events %x, flags %x", sc.Name, i, p.Events, p.Flags)
				}
				if !bytes.Equal(p.Payload, want.payload) && p.Proto != packet.ProtoICMP && p.Proto != packet.ProtoICMPv6 {
					t.Fatalf("%s: frame %d: payload differs", sc.Name, i)
				}
			}
			if p.Mirror.VNI != o.VNI || p.Mirror.Depth != 1 {
				t.Fatalf("%s: frame %d: mirror %+v", sc.Name, i, p.Mirror)
			}
		}
	}
}
