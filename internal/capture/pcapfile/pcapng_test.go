package pcapfile

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func ngBlockLen(n int) int { return 32 + (n+3)&^3 }

// ngBlock wraps a body, padded, into a block.
func ngBlock(o binary.AppendByteOrder, b []byte, typ uint32, body []byte) []byte {
	pad := -len(body) & 3
	n := uint32(12 + len(body) + pad)
	b = o.AppendUint32(b, typ)
	b = o.AppendUint32(b, n)
	b = append(b, body...)
	b = append(b, make([]byte, pad)...)
	return o.AppendUint32(b, n)
}

func ngShb(o binary.AppendByteOrder, b []byte) []byte {
	body := o.AppendUint32(nil, 0x1a2b3c4d)
	body = o.AppendUint16(body, 1)
	body = o.AppendUint16(body, 0)
	return ngBlock(o, b, blockSection, o.AppendUint64(body, math.MaxUint64))
}

func ngIdb(o binary.AppendByteOrder, b []byte, link packet.LinkType, snap uint32, opts ...byte) []byte {
	body := o.AppendUint16(nil, uint16(link))
	body = o.AppendUint16(body, 0)
	body = o.AppendUint32(body, snap)
	return ngBlock(o, b, blockInterface, append(body, opts...))
}

func ngEpb(o binary.AppendByteOrder, b []byte, iface uint32, ts uint64, f capture.Frame) []byte {
	body := o.AppendUint32(nil, iface)
	body = o.AppendUint32(body, uint32(ts>>32))
	body = o.AppendUint32(body, uint32(ts))
	body = o.AppendUint32(body, uint32(len(f.Data)))
	body = o.AppendUint32(body, uint32(f.WireLen))
	return ngBlock(o, b, blockEnhanced, append(body, f.Data...))
}

// ngFile writes frames as enhanced packet blocks in microseconds.
func ngFile(o binary.ByteOrder, fs []capture.Frame) []byte {
	ao := o.(binary.AppendByteOrder)
	b := ngIdb(ao, ngShb(ao, nil), fs[0].Link, 0)
	for _, f := range fs {
		b = ngEpb(ao, b, 0, uint64(f.Time/1000), f)
	}
	return b
}

// ngOpt is one option, padded.
func ngOpt(o binary.AppendByteOrder, code uint16, val ...byte) []byte {
	b := o.AppendUint16(nil, code)
	b = o.AppendUint16(b, uint16(len(val)))
	b = append(b, val...)
	return append(b, make([]byte, -len(val)&3)...)
}

// TestSections: two sections of different byte order, several interfaces with
// resolutions and offsets, old and simple packet blocks, blocks to skip.
func TestSections(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	x := capture.Frame{Data: []byte("xyz"), WireLen: 9}
	b := ngShb(le, nil)
	b = ngIdb(le, b, packet.LinkEthernet, 2, append(ngOpt(le, 2, 'e', 't', 'h'), ngOpt(le, optTSResol, 9)...)...)
	b = ngIdb(le, b, packet.LinkRaw, 0, append(ngOpt(le, optTSResol, 0x80|10), ngOpt(le, optTSOffset, 100, 0, 0, 0, 0, 0, 0, 0)...)...)
	b = ngIdb(le, b, 127, 0)
	b = ngBlock(le, b, 5, make([]byte, 3<<20)) // longer than the buffer
	b = ngEpb(le, b, 0, 5_000_000_001, x)
	b = ngEpb(le, b, 2, 0, x) // a link type that is not read
	b = ngEpb(le, b, 1, 3<<10|512, x)
	b = ngBlock(le, b, 0x80000001, []byte("custom"))
	b = ngBlock(le, b, blockSimple, append(le.AppendUint32(nil, 7), "simple!"...))
	b = ngShb(be, b)
	b = ngIdb(be, b, packet.LinkSLL, 0, ngOpt(be, optTSOffset, 0, 0, 0, 0, 0, 0, 0, 1)...)
	old := append(be.AppendUint32(nil, 0x0000_0007), 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 3)
	b = ngBlock(be, b, blockPacketOld, append(old, "old"...))

	s := open(t, b)
	got, err := readAll(s)
	if err != nil {
		t.Fatal(err)
	}
	want := []capture.Frame{
		{Data: []byte("xyz"), WireLen: 9, Time: 5_000_000_001, Link: packet.LinkEthernet},
		{Data: []byte("xyz"), WireLen: 9, Time: 103_500_000_000, Link: packet.LinkRaw},
		{Data: []byte("si"), WireLen: 7, Time: 103_500_000_000, Link: packet.LinkEthernet},
		{Data: []byte("old"), WireLen: 3, Time: 1_000_002_000, Link: packet.LinkSLL},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("frames (-want +got):\n%s", diff)
	}
	if c := s.Counters(); c.Malformed != 1 || c.Frames != 4 || c.Truncated != 3 {
		t.Errorf("counters: %+v", c)
	}
}

func TestNanos(t *testing.T) {
	tests := []struct {
		res    byte
		offset int64
		ts     uint64
		want   int64
	}{
		{6, 0, 1_700_000_000_000_001, 1_700_000_000_000_001_000},
		{0, 0, 5, 5_000_000_000},
		{12, 0, 1_000_000_001_999, 1_000_000_001},
		{19, 0, 15_000_000_000_000_000_000, 1_500_000_000},
		{0x80 | 63, 0, 1 << 62, 500_000_000},
		{0x80, 0, 3, 3_000_000_000},
		{6, -2, 1_000_000, -1_000_000_000},
		{0, 0, math.MaxUint64, math.MaxInt64},
		{6, math.MaxInt64, 1, math.MaxInt64},
		{6, math.MinInt64, 1, math.MaxInt64},
	}
	for _, tt := range tests {
		i := ngInterface{perSec: perSecond(tt.res), offset: tt.offset}
		if got := i.nanos(tt.ts); got != tt.want {
			t.Errorf("resolution %#x, offset %d, %d: want %d, got %d", tt.res, tt.offset, tt.ts, tt.want, got)
		}
	}
	for _, res := range []byte{20, 0x7f, 0x80 | 64, 0xff} {
		if got := perSecond(res); got != 0 {
			t.Errorf("resolution %#x: want refusal, got %d", res, got)
		}
	}
}
