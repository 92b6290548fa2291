package storetest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Start is the time of the first generated record.
func Start() time.Time { return time.Date(2026, 3, 1, 9, 50, 0, 0, time.UTC) }

// Generator makes EVE lines as a sensor would, the same for the same seed.
type Generator struct {
	rnd *rand.Rand
	at  time.Time
	n   uint64
}

// NewGenerator begins at Start.
func NewGenerator(seed uint64) *Generator {
	return &Generator{rnd: rand.New(rand.NewPCG(seed, 1)), at: Start()}
}

// Line makes one record, up to 2*gap after the one before.
func (g *Generator) Line(gap time.Duration) []byte {
	g.at = g.at.Add(time.Duration(g.rnd.Int64N(2*int64(gap) + 1)))
	g.n++
	switch k := g.rnd.IntN(20); {
	case k < 13:
		return g.flow()
	case k < 15:
		return g.alert()
	case k < 17:
		return g.http()
	case k < 19:
		return g.dns()
	}
	return g.tls()
}

func pick[T any](g *Generator, of ...T) T { return of[g.rnd.IntN(len(of))] }

// head writes what all records have; a tenth are IPv6.
func (g *Generator) head(event, proto string, port int) string {
	src, dst := fmt.Sprintf("10.%d.0.%d", g.rnd.IntN(4), g.rnd.IntN(200)), fmt.Sprintf("192.0.2.%d", g.rnd.IntN(250))
	if g.rnd.IntN(10) == 0 {
		src, dst = fmt.Sprintf("2001:db8::%x", 1+g.rnd.IntN(99)), "2001:db8:ffff::53"
	}
	community := make([]byte, 20)
	for i := range community {
		community[i] = byte(g.rnd.Uint32())
	}
	return fmt.Sprintf(`{"timestamp":"%s","flow_id":%d,"event_type":"%s","src_ip":"%s","src_port":%d,"dest_ip":"%s","dest_port":%d,"proto":"%s","ip_v":4,"pkt_src":"vxlan encapsulation","community_id":"1:%s"`,
		g.at.Format("2006-01-02T15:04:05.000000-0700"), g.rnd.Uint64()>>12, event, src, 1024+g.rnd.IntN(60000), dst, port, proto, base64Std(community))
}

func (g *Generator) ours(app, category string, risk int) string {
	return fmt.Sprintf(`,"mirrorwall":{"app":"%s","app_confidence":"certain","app_category":"%s","app_risk":%d,"vni":%d,"tenant":"%s","rule":"%s","verdict":"%s"}}`,
		app, category, risk, 7000+g.rnd.IntN(3), pick(g, "prod", "dev"), pick(g, "Inbound Web", "outbound dns", "any-any"), pick(g, "allow", "allow", "would-deny"))
}

func (g *Generator) flow() []byte {
	start := g.at.Add(-time.Duration(g.rnd.IntN(90_000)) * time.Millisecond)
	const form = "2006-01-02T15:04:05.000000-0700"
	s := g.head("flow", pick(g, "TCP", "TCP", "UDP"), pick(g, 443, 80, 53, 22))
	s += fmt.Sprintf(`,"flow":{"pkts_toserver":%d,"pkts_toclient":%d,"bytes_toserver":%d,"bytes_toclient":%d,"start":"%s","end":"%s","age":%d,"state":"closed","reason":"%s","alerted":false}`,
		1+g.rnd.IntN(40), g.rnd.IntN(60), 60+g.rnd.IntN(9000), g.rnd.IntN(90000), start.Format(form), g.at.Format(form), int(g.at.Sub(start).Seconds()), pick(g, "timeout", "fin", "rst"))
	return []byte(s + g.ours(pick(g, "ssl", "web-browsing", "dns", "ssh"), pick(g, "networking", "general-internet"), 1+g.rnd.IntN(5)))
}

func (g *Generator) alert() []byte {
	s := g.head("alert", "TCP", 80)
	s += fmt.Sprintf(`,"alert":{"action":"allowed","gid":1,"signature_id":%d,"rev":2,"signature":"%s","category":"%s","severity":%d,"metadata":{"mitre_technique_id":["T1190"]}}`,
		2_000_000+g.rnd.IntN(6), pick(g, "Log4Shell attempt", "scan: many ports", `odd \"quotes\" 'and' ünïcode`), pick(g, "attempted-admin", "network-scan"), 1+g.rnd.IntN(4))
	return []byte(s + g.ours("web-browsing", "general-internet", 4))
}

func (g *Generator) http() []byte {
	s := g.head("http", "TCP", 80)
	s += fmt.Sprintf(`,"tx_id":0,"http":{"hostname":"%s","url":"/%s?id=%d","http_user_agent":"curl/8","http_method":"%s","protocol":"HTTP/1.1","status":%d,"length":%d}`,
		pick(g, "shop.example", "API.Example", "10.0.0.9"), pick(g, "index", "a%20b", "_100%"), g.rnd.IntN(9999), pick(g, "GET", "POST"), pick(g, 200, 404), g.rnd.IntN(5000))
	return []byte(s + g.ours("web-browsing", "general-internet", 4))
}

func (g *Generator) dns() []byte {
	s := g.head("dns", "UDP", 53)
	s += fmt.Sprintf(`,"dns":{"version":3,"type":"request","tx_id":0,"id":%d,"queries":[{"rrname":"h%d.example.com","rrtype":"A"}]}`, g.rnd.IntN(65536), g.rnd.IntN(300))
	return []byte(s + g.ours("dns", "networking", 3))
}

func (g *Generator) tls() []byte {
	s := g.head("tls", "TCP", 443)
	s += fmt.Sprintf(`,"tls":{"sni":"%s.example.net","version":"TLS 1.3"}`, pick(g, "www", "mail", "cdn"))
	return []byte(s + g.ours("ssl", "networking", 2))
}

// Blocks makes blocks of one sensor's spool from sequence number first on, of
// perBlock records each.
func (g *Generator) Blocks(tb testing.TB, sensor string, first, blocks, perBlock int, gap time.Duration) []store.Block {
	tb.Helper()
	out := make([]store.Block, blocks)
	for i := range out {
		out[i].Origin = bus.Origin{Sensor: sensor, Spool: "s1", Start: bus.Position{Segment: 1, Offset: int64(first + i)}}
		for range perBlock {
			e, err := record.ParseEVE(g.Line(gap))
			if err != nil {
				tb.Fatal(err)
			}
			out[i].Entries = append(out[i].Entries, e)
		}
	}
	return out
}
