package evidence

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// writeFrames writes a pcap file. Frames that came as datagrams get back the
// Ethernet, IP and UDP headers that the socket took off. A file has one link type,
// that of the first frame: a flow has one, too, for it comes from one source.
func writeFrames(w io.Writer, frames []Frame) error {
	if len(frames) == 0 {
		return fmt.Errorf("a capture without packets")
	}
	link := linkOf(&frames[0])
	out := pcapfile.NewWriter(w, link)
	var buf []byte
	for i := range frames {
		f := &frames[i]
		data, wire := f.Data, f.WireLen
		if linkOf(f) != link {
			return fmt.Errorf("packet %d has link type %d, the first has %d", i+1, linkOf(f), link)
		}
		if f.Outer.Encap != packet.EncapNone {
			buf = appendOuter(buf[:0], &f.Outer, wire)
			wire += len(buf)
			buf = append(buf, data...)
			data = buf
		}
		if err := out.WriteFrame(f.Time, wire, data); err != nil {
			return err
		}
	}
	return out.Flush()
}

func linkOf(f *Frame) packet.LinkType {
	if f.Outer.Encap != packet.EncapNone {
		return packet.LinkEthernet
	}
	return f.Link
}

// appendOuter appends the headers before a datagram of n bytes: Ethernet without
// addresses, IPv4 (RFC 791) or IPv6 (RFC 8200), UDP (RFC 768) without a checksum,
// as RFC 7348 §5 has it for tunnels.
func appendOuter(b []byte, o *packet.Outer, n int) []byte {
	be := binary.BigEndian
	b = append(b, make([]byte, 12)...)
	udp := uint16(min(8+n, 1<<16-1))
	if o.Src.Is4() && o.Dst.Is4() {
		b = be.AppendUint16(b, 0x0800)
		at := len(b)
		b = append(b, 0x45, 0)
		b = be.AppendUint16(b, uint16(min(20+8+n, 1<<16-1)))
		b = append(b, 0, 0, 0x40, 0, 255, packet.ProtoUDP, 0, 0)
		b = append(b, o.Src[12:]...)
		b = append(b, o.Dst[12:]...)
		var sum uint32
		for i := at; i < len(b); i += 2 {
			sum += uint32(be.Uint16(b[i:]))
		}
		sum = sum>>16 + sum&0xffff
		be.PutUint16(b[at+10:], ^uint16(sum+sum>>16))
	} else {
		b = be.AppendUint16(b, 0x86dd)
		b = append(b, 0x60, 0, 0, 0)
		b = be.AppendUint16(b, udp)
		b = append(b, packet.ProtoUDP, 255)
		b = append(b, o.Src[:]...)
		b = append(b, o.Dst[:]...)
	}
	b = be.AppendUint16(b, o.SrcPort)
	b = be.AppendUint16(b, o.DstPort)
	b = be.AppendUint16(b, udp)
	return append(b, 0, 0)
}

// Strip copies the frames of src to w without the mirror's envelope: as they were
// on the instance's own wire. cfg says which ports carry tunnels. skipped counts frames without one inside, and those
// of another link type than the first.
func Strip(ctx context.Context, w io.Writer, src capture.Source, cfg packet.Config) (skipped int, err error) {
	var (
		dec   = packet.NewDecoder(cfg)
		p     packet.Packet
		batch capture.Batch
		out   *pcapfile.Writer
		link  packet.LinkType
	)
	for {
		err := src.ReadBatch(ctx, &batch)
		for i := range batch.Frames[:batch.N] {
			f := &batch.Frames[i]
			dec.Decode(&p, packet.FrameInfo{Data: f.Data, WireLen: f.WireLen, Time: f.Time, Link: f.Link, Outer: packet.Outer(f.Outer)})
			if out == nil && len(p.Inner) > 0 {
				link = p.InnerLink
				out = pcapfile.NewWriter(w, link)
			}
			if len(p.Inner) == 0 || p.InnerLink != link {
				skipped++
				continue
			}
			if err := out.WriteFrame(p.Time, p.InnerLen, p.Inner); err != nil {
				return skipped, err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return skipped, err
		}
	}
	if out == nil {
		out = pcapfile.NewWriter(w, packet.LinkEthernet)
	}
	return skipped, out.Flush()
}
