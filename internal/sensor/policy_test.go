package sensor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// officePolicy is for the traffic of judged.
const officePolicy = `
assets:
  - {address: 10.20.1.11, eni: eni-0web, instance: i-0web, vpc: vpc-shop, tags: [web]}
zones:
  - {name: web, tags: [web]}
  - {name: apps, networks: [10.20.2.0/24]}
  - {name: internet, networks: [0.0.0.0/0]}
services:
  - {name: orders, protocol: tcp, ports: "8080"}
rules:
  - {name: never, application: [ssh], action: drop}
  - {name: shop, from: [internet], to: [web], application: [web-browsing, shop], service: [application-default], action: allow, profiles: {vulnerability: strict}}
  - {name: hush, source: [203.0.113.66], action: allow, log_end: false}
  - {name: orders, from: [web], to: [apps], service: [orders], action: reset-both}
intrazone_default: {log_end: true}
interzone_default: {log_end: true}
`

// judged is a flow for each of officePolicy's rules and for its defaults.
func judged() (out []shot) {
	get := []byte("GET /shop HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: curl/8.11.0\r\n\r\n")
	ok := []byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	sc := scene()
	for _, ends := range [][2]string{
		{"203.0.113.9:40001", "10.20.1.11:80"},    // shop
		{"203.0.113.9:40002", "10.20.1.11:81"},    // not a default port: interzone-default
		{"203.0.113.66:40003", "10.20.1.11:81"},   // hush
		{"10.20.1.11:40004", "10.20.2.11:8080"},   // orders
		{"203.0.113.9:40005", "198.51.100.7:80"},  // intrazone-default
		{"10.20.2.11:40006", "198.51.100.7:8088"}, // interzone-default
	} {
		c := sc.TCP(netip.MustParseAddrPort(ends[0]), netip.MustParseAddrPort(ends[1]))
		c.Client(get)
		c.Server(ok)
		c.Close()
	}
	sc.Refused(netip.MustParseAddrPort("203.0.113.9:40007"), netip.MustParseAddrPort("10.20.1.11:80")) // incomplete: shop
	ssh := sc.TCP(netip.MustParseAddrPort("10.20.2.11:40008"), netip.MustParseAddrPort("10.20.2.12:2222"))
	ssh.Client([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
	ssh.Server([]byte("SSH-2.0-OpenSSH_9.9\r\n"))
	ssh.Close()
	return shots(sc)
}

func withPolicy(text string) func(*sensor.Config) {
	return func(cfg *sensor.Config) {
		doc := &policy.Document{}
		if err := yaml.Unmarshal([]byte(text), doc); err != nil {
			panic(err)
		}
		p, problems := policy.Compile(doc, policy.Env{Apps: cfg.Catalogue})
		if p == nil {
			panic(problems)
		}
		cfg.Policy = p
	}
}

type ourRecord struct {
	Event   string `json:"event_type"`
	SrcPort int    `json:"src_port"`
	DstPort int    `json:"dest_port"`
	Ours    struct {
		Rule, Verdict, ENI, VPC string
		From                    string `json:"zone_from"`
		To                      string `json:"zone_to"`
	} `json:"mirrorwall"`
}

func readRecords(t *testing.T, lines []byte) (out []ourRecord) {
	t.Helper()
	for l := range bytes.Lines(lines) {
		var r ourRecord
		if err := json.Unmarshal(l, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// playJudged runs judged's capture through a worker and returns its records.
func playJudged(t *testing.T, cfg *sensor.Config, before func(*sensor.Worker)) (*sensor.Worker, []ourRecord) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.pcap")
	writeFile(t, path, pcapOf(t, judged()))
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	if before != nil {
		before(w)
	}
	if err := errors.Join(sensor.Play(context.Background(), w, src, nil), w.Finish(), src.Close()); err != nil {
		t.Fatal(err)
	}
	return w, readRecords(t, out.Bytes())
}

// TestPolicy: each flow has the first rule that fits, its verdict and its zones;
// one that its rule does not log is counted.
func TestPolicy(t *testing.T) {
	cfg := activeConfig(t, "")
	withPolicy(officePolicy)(cfg)
	w, records := playJudged(t, cfg, nil)
	want := map[int]string{
		40001: "shop allow internet>web eni-0web",
		40002: "interzone-default would-deny internet>web eni-0web",
		40004: "orders would-reset web>apps eni-0web",
		40005: "intrazone-default allow internet>internet ",
		40006: "interzone-default would-deny apps>internet ",
		40007: "shop allow internet>web eni-0web",
		40008: "never would-deny apps>apps ",
	}
	for _, r := range records {
		if r.Event != "flow" {
			continue
		}
		o := r.Ours
		if got := o.Rule + " " + o.Verdict + " " + o.From + ">" + o.To + " " + o.ENI; got != want[r.SrcPort] {
			t.Errorf("port %d: %q, want %q", r.SrcPort, got, want[r.SrcPort])
		}
		delete(want, r.SrcPort)
	}
	if len(want) > 0 {
		t.Errorf("no record of %v", want)
	}
	if w.C.FlowsNotLogged != 1 {
		t.Errorf("%d flows not logged, want that of rule hush", w.C.FlowsNotLogged)
	}
}

// TestPolicyAlerts: a profile's word, a denied flow's verdict, and the
// signature's own action.
func TestPolicyAlerts(t *testing.T) {
	cfg := activeConfig(t, `alert http any any -> any any (msg:"shop"; http.uri; content:"/shop"; priority:1; sid:1;)`)
	_, plain := playJudged(t, cfg, nil)
	withPolicy(officePolicy)(cfg)
	_, records := playJudged(t, cfg, nil)
	got := map[int]string{}
	for _, r := range records {
		if r.Event == "alert" {
			got[r.SrcPort] = r.Ours.Rule + " " + r.Ours.Verdict
		}
	}
	for port, want := range map[int]string{
		40001: "shop would-reset", // profile strict, high
		40003: "hush alert",       // no profile
		40004: "orders would-reset",
		40006: "interzone-default would-deny",
	} {
		if got[port] != want {
			t.Errorf("port %d: %q, want %q", port, got[port], want)
		}
	}
	for _, r := range plain {
		if o := r.Ours; o.Rule+o.Verdict+o.From+o.To != "" {
			t.Errorf("without a policy: %+v", r)
		}
	}
}

// TestPolicySwap: a policy that comes later judges flows that live already, and
// leaves the rules alone; none takes it all back.
func TestPolicySwap(t *testing.T) {
	cfg := activeConfig(t, "")
	withPolicy(officePolicy)(cfg)
	p := cfg.Policy
	cfg.Policy = nil
	w, records := playJudged(t, cfg, func(w *sensor.Worker) { w.SwapPolicy(p) })
	n := 0
	for _, r := range records {
		if strings.HasSuffix(r.Ours.Rule, "shop") {
			n++
		}
	}
	if n == 0 || w.C.FlowsNotLogged != 1 {
		t.Errorf("%d records by the policy, %d flows not logged", n, w.C.FlowsNotLogged)
	}
	_, records = playJudged(t, cfg, func(w *sensor.Worker) {
		w.SwapPolicy(p)
		w.SwapRules(&sensor.Rules{All: cfg.Rules})
	})
	for _, r := range records {
		if r.Ours.Rule != "" {
			t.Fatalf("a policy that is gone: %+v", r)
		}
	}
}
