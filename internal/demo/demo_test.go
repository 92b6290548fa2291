package demo

import (
	"bytes"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// TestLedger: every frame of every scenario is known by its ends.
func TestLedger(t *testing.T) {
	l := NewLedger()
	for _, s := range traffic.Scenarios() {
		fs := s.Frames(1, time.Unix(1.7e9, 0))
		for i := range fs {
			l.Note(&fs[i])
			if _, ok := ends(fs[i].Data); !ok {
				t.Fatalf("%s: frame %d has no ends", s.Name, i)
			}
		}
		key, _ := ends(fs[0].Data)
		got := l.Threat(key.b, key.a, key.proto, "a threat") // whichever way round
		if got == nil || got.Name != s.Name || got.Attack != (s.Kind == traffic.Attack) || got.Begun != 1 || got.Done != 1 || got.Threats != 1 {
			t.Errorf("%s: got %+v", s.Name, got)
		}
	}
	nobody := netip.MustParseAddrPort("192.0.2.1:1")
	if got := l.Threat(nobody, nobody, packet.ProtoTCP, "x"); got != nil {
		t.Errorf("between strangers: %+v", got)
	}
	if n := len(l.Scenarios()); n != len(traffic.Scenarios()) || n < 20 {
		t.Errorf("%d scenarios", n)
	}
	for i := range 600 {
		if _, ok := ends(make([]byte, i)); ok {
			t.Errorf("%d zeros have ends", i)
		}
	}
}

// TestLedgerBound: what is old is forgotten, what is new is not.
func TestLedgerBound(t *testing.T) {
	l := NewLedger()
	b := traffic.AppendUDP(nil, netip.MustParseAddrPort("10.0.0.1:0"), netip.MustParseAddrPort("10.0.0.2:53"), nil)
	f := traffic.Frame{Scenario: "dns-tunnel", Data: traffic.IP{
		Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2"), Proto: packet.ProtoUDP,
	}.Append(make([]byte, ethernetLen), b)}
	for i := range 2 * maxTuples {
		f.Data[26], f.Data[27], f.Data[28] = byte(i>>16), byte(i>>8), byte(i)
		l.Note(&f)
	}
	if n := len(l.now) + len(l.old); n > maxTuples || n < maxTuples/2 {
		t.Errorf("%d tuples kept", n)
	}
	if key, ok := ends(f.Data); !ok || l.Threat(key.a, key.b, key.proto, "") == nil {
		t.Error("the last is forgotten")
	}
}

func TestBoard(t *testing.T) {
	var out bytes.Buffer
	b := NewBoard(NewLedger(), NewLines(&out, func() time.Time { return at(0) }))
	flow := func(id uint64, app string, bytes uint64, end string) {
		b.Record(&record.Entry{FlowID: id, App: app, Event: "flow", BytesSent: bytes, EndReason: end})
	}
	flow(1, "unknown-tcp", 100, "")
	flow(1, "postgres", 300, "")
	flow(1, "postgres", 500, "closed")
	flow(2, "postgres", 10, "closed")
	flow(3, "incomplete", 60, "closed")
	alert := record.Entry{
		Event: "alert", ThreatName: "Mirrorwall X", ThreatID: 7, Severity: record.High, Proto: "tcp", Direction: "to_client",
		Src: netip.MustParseAddr("10.0.0.2"), SrcPort: 80, Dst: netip.MustParseAddr("10.0.0.1"), DstPort: 4000,
	}
	b.Deliver(Delivery{ID: "1", Valid: true, Threat: "Mirrorwall X"}) // overtakes its record
	b.Record(&alert)
	b.Record(&alert)
	b.Deliver(Delivery{ID: "2"})
	b.Deliver(Delivery{ID: "3", Valid: true})
	b.Deliver(Delivery{ID: "4", Valid: true, Threat: "left over"})
	b.Finish()
	f := b.Findings()
	if fmt.Sprint(f.Apps) != "[{postgres  0 2 510} {incomplete  0 1 60}]" || f.NamedApps() != 1 {
		t.Errorf("applications %v", f.Apps)
	}
	if len(f.Threats) != 1 || f.Alerts != 2 || f.False != 2 || len(f.Deliveries) != 4 {
		t.Fatalf("findings %+v", f)
	}
	if th := f.Threats[0]; th.Count != 2 || !th.Benign || peers(&th) != "10.0.0.1 → 10.0.0.2:80" {
		t.Errorf("threat %+v", th)
	}
	want := "10:00:00 app new: postgres\n10:00:00 threat high     X  10.0.0.1 → 10.0.0.2:80\n" +
		"10:00:00 webhook delivered, signature valid  X\n10:00:00 webhook refused, signature wrong: 2\n"
	if !strings.HasPrefix(out.String(), want) || !strings.Contains(out.String(), "left over") {
		t.Errorf("lines:\n%s", out.String())
	}
}

func TestReceiver(t *testing.T) {
	secret := NewSecret()
	got := make(chan Delivery, 8)
	r, err := NewReceiver(secret, func(d Delivery) { got <- d })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- r.Run() }()
	post := func(id, body, with string, age time.Duration) int {
		w, err := standardwebhooks.NewWebhook(with)
		if err != nil {
			t.Fatal(err)
		}
		when := time.Now().Add(-age)
		sig, err := w.Sign(id, when, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest(http.MethodPost, r.URL(), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(standardwebhooks.HeaderWebhookID, id)
		req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, fmt.Sprint(when.Unix()))
		req.Header.Set(standardwebhooks.HeaderWebhookSignature, sig)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	const body = `{"threat":"X","severity":"high"}`
	for _, c := range []struct {
		name, id, body, secret string
		age                    time.Duration
		want                   int
	}{
		{"signed", "a", body, secret, 0, 204},
		{"again", "a", body, secret, 0, 204},
		{"another secret", "b", body, NewSecret(), 0, 401},
		{"an hour old", "c", body, secret, time.Hour, 401},
		{"not JSON", "d", "{", secret, 0, 401},
	} {
		if code := post(c.id, c.body, c.secret, c.age); code != c.want {
			t.Errorf("%s: status %d, want %d", c.name, code, c.want)
		}
		if d := <-got; d.Valid != (c.want == 204) || d.ID != c.id || d.Valid && d.Threat != "X" {
			t.Errorf("%s: %+v", c.name, d)
		}
	}
	if c := r.Totals(); c != (Received{Valid: 1, Again: 1, Invalid: 3}) {
		t.Errorf("totals %+v", c)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	text := Configuration("/a folder/with \"quotes\"", "http://127.0.0.1:1/threats")
	c, err := config.Parse("demo", text)
	if err != nil {
		t.Fatal(err)
	}
	if c.State != `/a folder/with "quotes"/state` || len(c.Respond) != 1 || len(c.Sensor.Listen) != 1 {
		t.Errorf("%+v", c)
	}
	for _, h := range traffic.Fleet() {
		if r := c.Sensor.Sources.VNIs[0]; h.VNI < r.First || h.VNI > r.Last {
			t.Errorf("%s: VNI %d is not allowed", h.Name, h.VNI)
		}
	}
}

// kept is an outcome in which every promise was kept.
func kept() *Outcome {
	o := &Outcome{
		Took: 3 * time.Minute, Sent: 100, Received: 90, Kernel: 8, Ours: 2, Rules: 255,
		Losses:   []Loss{{Text: "holes in TCP streams", Count: 3}, {Text: "nothing"}},
		Webhooks: Received{Valid: 3}, Matched: 3,
	}
	for i, s := range NewLedger().Scenarios() {
		s.Begun, s.Done = 1, 1
		if s.Attack {
			s.Threats, s.First = uint64(i), "Mirrorwall "+s.Title
			o.Findings.Alerts += s.Threats
		}
		o.Scenarios = append(o.Scenarios, s)
	}
	for i := range 25 {
		o.Findings.Apps = append(o.Findings.Apps, App{Name: fmt.Sprintf("application-%d", i), Flows: 1})
	}
	return o
}

func TestOutcome(t *testing.T) {
	attack := len(kept().Scenarios) - 1
	for _, c := range []struct {
		name   string
		change func(*Outcome)
		want   string
	}{
		{"kept", func(*Outcome) {}, ""},
		{"missed", func(o *Outcome) { o.Findings.Alerts -= o.Scenarios[attack].Threats; o.Scenarios[attack].Threats = 0 }, "attack eicar raised no threat"},
		{"cut", func(o *Outcome) { o.Scenarios[attack].Done, o.Findings.Apps = 0, nil }, ""},
		{"false", func(o *Outcome) {
			o.Scenarios[0].Threats, o.Scenarios[0].First = 2, "Mirrorwall X"
			o.Findings.Alerts += 2
		}, "ordinary traffic shop-https raised 2 threats: X"},
		{"strangers", func(o *Outcome) { o.Findings.Alerts++ }, "1 threat between hosts that nothing was played between"},
		{"apps", func(o *Outcome) { o.Findings.Apps = o.Findings.Apps[:11] }, "only 11 applications were named, want 12"},
		{"signature", func(o *Outcome) { o.Webhooks.Invalid = 1 }, "1 webhook without a valid signature"},
		{"dead", func(o *Outcome) { o.Dead, o.Pending = 1, 1 }, "2 webhooks not delivered"},
		{"none", func(o *Outcome) { o.Webhooks.Valid = 0 }, "no webhook arrived"},
		{"lost", func(o *Outcome) { o.Kernel-- }, "100 frames sent, 99 accounted for"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := kept()
			c.change(o)
			if got := strings.Join(o.Broken(), "; "); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			var b bytes.Buffer
			o.Print(&b)
			if c.want != "" && !strings.Contains(b.String(), "NOT AS PROMISED: "+c.want) {
				t.Errorf("summary:\n%s", b.String())
			}
			for l := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(l) - 1; n > maxLine {
					t.Errorf("%d columns: %s", n, l)
				}
			}
			if c.name == "kept" || c.name == "cut" {
				golden(t, "summary-"+c.name+".txt", b.Bytes())
			}
		})
	}
}
