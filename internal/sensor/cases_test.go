package sensor_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// goldenCases are the captures of testdata, all made by package traffic.
func goldenCases() []goldenCase {
	anomalies := []string{"outputs.anomaly.decode=true", "outputs.anomaly.stream=true"}
	return []goldenCase{
		{name: "http", make: func() []shot { return shots(httpPlain()) }},
		{name: "http-gzip", make: func() []shot { return shots(httpGzip()) }, sets: []string{"file.all-hashes=true"}},
		{name: "http-pipelined", make: func() []shot { return shots(httpPipelined()) }},
		{name: "http-post-file", make: func() []shot { return shots(httpUpload()) }},
		{name: "tls12", make: func() []shot { return scenario("c2-beacon", 1, flowOf(443, 1)) }},
		{name: "tls13", make: func() []shot { return scenario("saas", 1, flowOf(443, 1)) }},
		{name: "dns", make: func() []shot { return scenario("dns", 1, first(12)) }},
		{name: "ssh", make: func() []shot { return scenario("ssh-admin", 1, first(24)) }},
		{name: "vxlan", make: bothENIs, cfg: func(c *sensor.Config) { c.Dedup, c.Tenants = true, shop() }},
		{name: "vxlan-vnis", make: twoVPCs},
		{name: "geneve", make: gwlb},
		{name: "one-sided", make: func() []shot { return oneSided(shots(httpPlain())) }},
		{name: "midstream", make: func() []shot { return shots(httpPlain())[5:] }},
		{name: "gap", make: func() []shot { return withoutBig(shots(httpGzip()), 3) }},
		{name: "truncated", make: func() []shot { return cut(shots(httpPlain()), 110) }},
		{name: "overlap", make: overlap, sets: anomalies},
		{name: "fragments", make: fragments},
		{name: "ping", make: pings},
		{name: "port-scan", make: func() []shot { return scenario("port-scan", 1, first(30)) }},
		{name: "unknown-udp", make: unknownUDP},
		{name: "alerts", make: alerts},
		{name: "anomalies", make: broken, sets: anomalies},
		{name: "policy", make: judged, cfg: withPolicy(officePolicy)},
	}
}

// epoch is when the captures begin.
func epoch() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

func scene() *traffic.Scene { return traffic.NewScene(1, epoch()) }

func client() netip.AddrPort { return netip.MustParseAddrPort("203.0.113.9:40001") }
func web() netip.AddrPort    { return netip.MustParseAddrPort("10.20.1.11:80") }
func app() netip.AddrPort    { return netip.MustParseAddrPort("10.20.2.11:8080") }

func shots(sc *traffic.Scene) []shot { return ofFrames(sc.Frames()) }

func ofFrames(frames []traffic.Frame) []shot {
	var out []shot
	for _, f := range frames {
		out = append(out, shot{time: f.Time, data: f.Data})
	}
	return out
}

// scenario plays one of package traffic's and keeps a part.
func scenario(name string, seed uint64, keep func([]shot) []shot) []shot {
	for _, s := range traffic.Scenarios() {
		if s.Name == name {
			return keep(ofFrames(s.Frames(seed, epoch())))
		}
	}
	panic("BUG: no scenario " + name)
}

func first(n int) func([]shot) []shot {
	return func(s []shot) []shot { return s[:min(n, len(s))] }
}

// flowOf keeps the first n TCP flows of a server port.
func flowOf(port uint16, n int) func([]shot) []shot {
	return func(in []shot) (out []shot) {
		known := map[uint32]bool{}
		for _, s := range in {
			a, b := ports(s.data)
			if a != port && b != port || s.data[23] != packet.ProtoTCP {
				continue
			}
			key := uint32(a) + uint32(b)
			if !known[key] && len(known) == n {
				continue
			}
			known[key] = true
			out = append(out, s)
		}
		return out
	}
}

// ports are those of a TCP or UDP packet in IPv4 without options.
func ports(frame []byte) (src, dst uint16) {
	return binary.BigEndian.Uint16(frame[34:]), binary.BigEndian.Uint16(frame[36:])
}

func httpPlain() *traffic.Scene {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client([]byte("GET /shop/item.php?id=4711 HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: curl/8.11.0\r\nAccept: */*\r\n\r\n"))
	c.Server([]byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<h1>Item</h1>"))
	c.Client([]byte("POST /cart HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: curl/8.11.0\r\nReferer: http://shop.example.com/shop\r\nContent-Length: 9\r\n\r\nitem=4711"))
	c.Server([]byte("HTTP/1.1 303 See Other\r\nLocation: /cart\r\nContent-Length: 0\r\n\r\n"))
	c.Close()
	return sc
}

// httpGzip is a download, gzip in chunks, over several segments.
func httpGzip() *traffic.Scene {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client([]byte("GET /report.csv HTTP/1.1\r\nHost: shop.example.com\r\nAccept-Encoding: gzip\r\n\r\n"))
	var plain, packed bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&plain, "%d,%x\n", i, uint32(i)*2654435761)
	}
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(plain.Bytes()) // to memory
	_ = z.Close()
	b := []byte("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=\"report.csv\"\r\n" +
		"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
	for chunk := packed.Next(3000); len(chunk) > 0; chunk = packed.Next(3000) {
		b = fmt.Appendf(b, "%x\r\n%s\r\n", len(chunk), chunk)
	}
	c.Server(append(b, "0\r\n\r\n"...))
	c.Close()
	return sc
}

func httpPipelined() *traffic.Scene {
	sc := scene()
	c := sc.TCP(client(), web())
	var q, r []byte
	for i := range 5 {
		q = fmt.Appendf(q, "GET /%d HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", i)
		r = fmt.Appendf(r, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n%d\n", i)
	}
	c.Client(q)
	c.Server(r)
	c.Close()
	return sc
}

func httpUpload() *traffic.Scene {
	sc := scene()
	c := sc.TCP(client(), web())
	body := "--x7\r\nContent-Disposition: form-data; name=\"f\"; filename=\"photo.png\"\r\nContent-Type: image/png\r\n\r\n" +
		"\x89PNG\r\n\x1a\n" + strings.Repeat("pixel", 100) + "\r\n--x7--\r\n"
	c.Client(fmt.Appendf(nil, "POST /upload HTTP/1.1\r\nHost: shop.example.com\r\nContent-Type: multipart/form-data; boundary=x7\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
	c.Server([]byte("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"))
	c.Close()
	return sc
}

func shop() *sensor.Tenants {
	t := &sensor.Tenants{}
	t.Add("shop", []sensor.VNIRange{{First: 100, Last: 101}})
	return t
}

// sensorAddr is where the mirrors send.
func sensorAddr() netip.Addr { return netip.MustParseAddr("10.20.9.9") }

// internal is an exchange within the VPC, which both ends' mirrors show.
func internal() []shot {
	sc := scene()
	c := sc.TCP(netip.MustParseAddrPort("10.20.1.11:41000"), app())
	c.Client([]byte("GET /v1/orders/7 HTTP/1.1\r\nHost: orders.internal\r\nUser-Agent: shop/1.0\r\n\r\n"))
	c.Server([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{\"id\":7}"))
	c.Close()
	return shots(sc)
}

// bothENIs mirrors an exchange at both of its ends, as two sessions do.
func bothENIs() (out []shot) {
	a := traffic.Outer{Src: netip.MustParseAddr("10.20.1.11"), Dst: sensorAddr(), VNI: 100}
	b := traffic.Outer{Src: netip.MustParseAddr("10.20.2.11"), Dst: sensorAddr(), VNI: 101}
	for _, s := range internal() {
		out = append(out, shot{time: s.time, data: a.AppendMirrored(nil, s.data)},
			shot{time: s.time + 20_000, data: b.AppendMirrored(nil, s.data)})
	}
	return out
}

// twoVPCs is the same exchange in two VPCs with the same addresses.
func twoVPCs() (out []shot) {
	for i, s := range internal() {
		for _, vni := range []uint32{7, 8} {
			o := traffic.Outer{Src: netip.MustParseAddr("10.20.1.11"), Dst: sensorAddr(), VNI: vni}
			out = append(out, shot{time: s.time + int64(i)*1000 + int64(vni), data: o.AppendMirrored(nil, s.data)})
		}
	}
	return out
}

// gwlb is a mirror's VXLAN behind a gateway load balancer's GENEVE, with its
// three options (endpoint, attachment, flow cookie).
func gwlb() (out []shot) {
	o := traffic.Outer{Src: netip.MustParseAddr("10.20.1.11"), Dst: sensorAddr(), VNI: 100}
	from, to := netip.MustParseAddrPort("10.20.8.8:60000"), netip.MustParseAddrPort("10.20.9.9:6081")
	option := func(b []byte, typ byte, data []byte) []byte {
		return append(append(b, 0x01, 0x08, typ, byte(len(data)/4)), data...)
	}
	var opts []byte
	opts = option(opts, 1, []byte("endpoint"))
	opts = option(opts, 2, []byte("attached"))
	opts = option(opts, 3, []byte("flow"))
	for _, s := range internal() {
		inner := o.AppendMirrored(nil, s.data)[14:]
		g := append([]byte{byte(len(opts) / 4), 0, 0x08, 0x00, 0, 0, 0, 0}, opts...)
		u := traffic.AppendUDP(nil, from, to, append(g, inner...))
		out = append(out, shot{time: s.time, data: ethernet(from.Addr(), to.Addr(), packet.ProtoUDP, 9, u)})
	}
	return out
}

// ethernet is a frame with an IPv4 packet.
func ethernet(src, dst netip.Addr, proto uint8, id uint16, l4 []byte) []byte {
	b := traffic.AppendEthernet(nil, traffic.MAC{2, 0, 0, 0, 0, 1}, traffic.MAC{2, 0, 0, 0, 0, 2}, 0x0800)
	return traffic.IP{Src: src, Dst: dst, Proto: proto, TTL: 64, ID: id}.Append(b, l4)
}

func oneSided(in []shot) (out []shot) {
	for _, s := range in {
		if src, _ := ports(s.data); src == client().Port() {
			out = append(out, s)
		}
	}
	return out
}

// withoutBig leaves out the n-th full segment, counted from 0: the mirror lost
// it.
func withoutBig(in []shot, n int) (out []shot) {
	for _, s := range in {
		if len(s.data) > 1000 {
			if n--; n == -1 {
				continue
			}
		}
		out = append(out, s)
	}
	return out
}

// cut is a mirror session with a packet length.
func cut(in []shot, n int) []shot {
	for i := range in {
		s := &in[i]
		s.wire = len(s.data)
		s.data = s.data[:min(n, len(s.data))]
	}
	return in
}

// overlap sends the same bytes of a request twice, differently.
func overlap() (out []shot) {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Close()
	hand := shots(sc)[:3]
	syn, synack := hand[0].data[34:], hand[1].data[34:]
	h := traffic.TCP{
		Seq: binary.BigEndian.Uint32(syn[4:]) + 1, Ack: binary.BigEndian.Uint32(synack[4:]) + 1,
		Flags: packet.ACK | packet.PSH, Window: 500,
	}
	out = hand
	now := hand[2].time
	say := func(h traffic.TCP, from, to netip.AddrPort, text string) {
		now += 1_000_000
		out = append(out, shot{time: now, data: ethernet(from.Addr(), to.Addr(), packet.ProtoTCP, 1, h.Append(nil, from, to, []byte(text)))})
	}
	late := h
	late.Seq += 4
	say(late, client(), web(), "/innocent HTTP/1.0\r\n\r\n")
	say(late, client(), web(), "/attacked HTTP/1.0\r\n\r\n")
	say(h, client(), web(), "GET ")
	back := traffic.TCP{Seq: h.Ack, Ack: late.Seq + 22, Flags: packet.ACK, Window: 500}
	say(back, web(), client(), "HTTP/1.0 200 OK\r\n\r\nhello")
	return out
}

// question asks for a name over DNS.
func question(name string) []byte {
	b := []byte{0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
	for label := range strings.SplitSeq(name, ".") {
		b = append(append(b, byte(len(label))), label...)
	}
	return append(b, 0, 0, 1, 0, 1)
}

// fragments sends a DNS question in fragments, in order, and a second one with
// its end first.
func fragments() (out []shot) {
	from, to := netip.MustParseAddrPort("10.20.1.11:41000"), netip.MustParseAddrPort("203.0.113.53:53")
	now := epoch().UnixNano()
	for i, name := range []string{"in-order.fragments.example.com", "end-first.fragments.example.com"} {
		u := traffic.AppendUDP(nil, from, to, question(name))
		var parts []shot
		for off := 0; off < len(u); off += 16 {
			end := min(off+16, len(u))
			f := ethernet(from.Addr(), to.Addr(), packet.ProtoUDP, uint16(77+i), u[off:end])
			field := uint16(off / 8)
			if end < len(u) {
				field |= 0x2000
			}
			binary.BigEndian.PutUint16(f[20:], field)
			checksum(f[14:34])
			parts = append(parts, shot{data: f})
		}
		for k := range parts {
			at := k
			if i == 1 {
				at = len(parts) - 1 - k
			}
			now += 1_000_000
			out = append(out, shot{time: now, data: parts[at].data})
		}
	}
	return out
}

// checksum sets that of an IPv4 header.
func checksum(h []byte) {
	h[10], h[11] = 0, 0
	var acc uint32
	for i := 0; i < len(h); i += 2 {
		acc += uint32(binary.BigEndian.Uint16(h[i:]))
	}
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	binary.BigEndian.PutUint16(h[10:], ^uint16(acc))
}

func pings() []shot {
	sc := scene()
	sc.Ping(netip.MustParseAddr("10.20.4.30"), netip.MustParseAddr("10.20.1.11"), 2)
	sc.Ping(netip.MustParseAddr("2001:db8::9"), netip.MustParseAddr("2001:db8:20::11"), 1)
	return shots(sc)
}

func unknownUDP() []shot {
	sc := scene()
	u := sc.UDP(netip.MustParseAddrPort("10.20.1.11:41000"), netip.MustParseAddrPort("203.0.113.77:47777"))
	for i := range byte(5) {
		u.Client([]byte{0xf3, i, 0x99, 0xe1, 0x07, i * 31, 0xc4})
		u.Server([]byte{0x8e, i, 0x7c, 0xd5, 0x11, i * 17, 0xb9})
	}
	return shots(sc)
}

// alerts fires a rule of each kind of testdata/alerts.rules.
func alerts() []shot {
	sc := httpPlain()
	sc.Ping(netip.MustParseAddr("203.0.113.9"), netip.MustParseAddr("10.20.1.11"), 1)
	u := sc.UDP(netip.MustParseAddrPort("10.20.1.11:41001"), netip.MustParseAddrPort("203.0.113.53:53"))
	u.Client(question("evil.example.net"))
	return shots(sc)
}

// broken is traffic that a decoder, the streams and a parser complain about.
func broken() []shot {
	sc := scene()
	c := sc.TCP(client(), web())
	c.Client([]byte("GET / HTTP/1.1\r\nHost: a.example.com\r\nHost: b.example.com\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"))
	c.Server([]byte("HTTP/1.1 nonsense\r\nContent-Length: -1\r\n\r\n"))
	c.Close()
	out := shots(sc)
	last := out[len(out)-1]
	short := bytes.Clone(last.data)
	binary.BigEndian.PutUint16(short[16:], 9000) // total length beyond the frame
	tiny := bytes.Clone(last.data[:30])
	rst := bytes.Clone(last.data)
	binary.BigEndian.PutUint32(rst[38:], 7) // a segment far outside the window
	return append(out, shot{time: last.time + 1e6, data: short}, shot{time: last.time + 2e6, data: tiny}, shot{time: last.time + 3e6, data: rst})
}
