//go:build duckdb

package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// traffic writes flow records with the sensor's own encoder: 2,000 clients and
// 600 servers, some much busier than others, 30 services, 3,000 names.
type traffic struct {
	rnd              *rand.Rand
	at, step         int64
	clients, servers *rand.Zipf
	names            *rand.Zipf
	enc              record.Encoder
}

func newTraffic(from, step int64) *traffic {
	r := rand.New(rand.NewPCG(1, 2))
	return &traffic{rnd: r, at: from, step: step, clients: rand.NewZipf(r, 1.1, 4, 1999), servers: rand.NewZipf(r, 1.2, 4, 599), names: rand.NewZipf(r, 1.1, 8, 2999)}
}

func host(a, b byte, n uint64) packet.Addr {
	return packet.Addr{10: 0xff, 11: 0xff, 12: 10, 13: a, 14: b + byte(n>>8), 15: byte(n)}
}

var services = [...]struct {
	port     uint16
	app, cat string
	proto    uint8
}{
	{443, "ssl", "networking", 6}, {443, "web-browsing", "general-internet", 6}, {53, "dns", "networking", 17}, {80, "web-browsing", "general-internet", 6},
	{443, "amazon-s3", "saas", 6}, {5432, "postgres", "business-systems", 6}, {6379, "redis", "business-systems", 6}, {22, "ssh", "networking", 6},
	{443, "quic", "networking", 17}, {123, "ntp", "networking", 17}, {9092, "kafka", "business-systems", 6}, {3306, "mysql", "business-systems", 6},
}

// line gives one record; its memory is the caller's.
func (t *traffic) line() []byte {
	t.at += t.rnd.Int64N(2*t.step + 1)
	s := services[min(t.rnd.IntN(len(services)), t.rnd.IntN(len(services)))]
	age := int64(math.Exp(t.rnd.NormFloat64()*1.5) * 3e8)
	f := &flow.Flow{
		Key: flow.Key{Proto: s.proto}, Last: t.at, Start: t.at - age, State: flow.StateClosed, Reason: flow.ReasonTimeout, IPVersion: 4,
		Client: host(0, 0, t.clients.Uint64()), Server: host(1, 0, t.servers.Uint64()), ClientPort: uint16(1024 + t.rnd.IntN(64000)), ServerPort: s.port,
	}
	for d := range f.Pkts {
		f.Pkts[d] = 1 + uint64(math.Exp(t.rnd.NormFloat64()+2))
		f.Bytes[d] = f.Pkts[d]*60 + uint64(math.Exp(t.rnd.NormFloat64()*2+5))
	}
	ours := &record.Ours{
		App: s.app, AppConfidence: "certain", AppReason: []byte("decoder"), AppCategory: s.cat, AppRisk: uint8(1 + s.port%5), HasVNI: true, VNI: 7000 + uint32(t.rnd.IntN(4)),
		Tenant: "prod", ZoneFrom: "app", ZoneTo: "data", Rule: "allow " + s.app, Verdict: "allow",
	}
	if s.proto == packet.ProtoTCP {
		f.TCP = &flow.Stream{TCPFlags: [2]uint8{0x1b, 0x1b}}
	}
	if s.port == 443 {
		ours.Hostname = fmt.Appendf(nil, "host-%d.example.com", t.names.Uint64())
		ours.JA4 = fmt.Appendf(nil, "t13d1516h2_8daaf61527%02d_02713d6af862", t.rnd.IntN(40))
	}
	id := record.CommunityID(f.Client, f.Server, f.ClientPort, f.ServerPort, s.proto)
	c := &record.Common{
		Event: "flow", Time: t.at, FlowID: t.rnd.Uint64() >> 11, Src: f.Client, Dst: f.Server, SrcPort: f.ClientPort, DstPort: f.ServerPort,
		Proto: s.proto, IPVersion: 4, PktSrc: record.PktSrcVXLAN, CommunityID: id[:], Ours: ours,
	}
	t.enc.Buf = t.enc.Buf[:0]
	t.enc.Begin(c)
	t.enc.FlowRecord(f, 1, [2]bool{})
	t.enc.End(c)
	return slices.Clone(t.enc.Buf)
}
