// Package demo plays the whole product on one machine: scenario traffic to a
// sensor's port, a receiver for its webhooks, and a board of what was found,
// drawn on a terminal or printed as lines.
//
// It owns the ground truth, so that it can tell whether the sensor found what
// it should and nothing else. It knows the sensor only from outside: by its
// port, its records and its webhooks.
package demo

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// Bounds of what the board keeps.
const (
	maxFlows   = 1 << 16
	maxThreats = 4096
)

// App is one application on the board.
type App struct {
	Name, Category string
	Risk           int
	Flows, Bytes   uint64
}

// Threat is one signature between two hosts.
type Threat struct {
	Time     time.Time // of the first
	Last     time.Time
	Severity record.Severity
	SID      uint32
	Name     string
	App      string
	Client   netip.Addr
	Server   netip.AddrPort
	Count    uint64
	Scenario string // whose traffic it was, "" unknown
	Benign   bool   // not of an attack: a false alarm
}

// Listener is told what a person wants to see at once. It is called under the
// board's lock.
type Listener interface {
	NewApp(a App)
	NewThreat(t Threat)
	Delivered(d Delivery)
}

// Board gathers what the sensor says. Safe for concurrent use.
type Board struct {
	ledger *Ledger
	on     Listener

	mu      sync.Mutex
	apps    map[string]*App
	flows   map[uint64]seen
	byKey   map[threatKey]*Threat
	threats []*Threat // the latest first seen at the end
	alerts  uint64
	wrong   uint64
	recent  []Delivery // the latest at the end
	// A webhook may overtake the record that it tells of, which reaches us by
	// another way; it waits here until that was shown.
	waiting []Delivery
	due     int // threats shown whose webhook was not
}

// seen is what is known of a flow so far.
type seen struct {
	app   string
	bytes uint64
}

type threatKey struct {
	sid            uint32
	client, server netip.Addr
}

// NewBoard makes an empty board; on may be nil.
func NewBoard(ledger *Ledger, on Listener) *Board {
	return &Board{
		ledger: ledger, on: on, apps: map[string]*App{}, flows: map[uint64]seen{},
		byKey: map[threatKey]*Threat{},
	}
}

// Record takes one record.
func (b *Board) Record(e *record.Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if e.App != "" && e.FlowID != 0 {
		b.app(e)
	}
	if e.Event == "alert" {
		b.alert(e)
		if e.Severity >= record.High {
			b.due++
		}
		b.release()
	}
}

// app books a flow to its application. Records of one flow come one after the
// other and know more each time; the last is its flow record.
func (b *Board) app(e *record.Entry) {
	f, known := b.flows[e.FlowID]
	if known && f.app != e.App {
		b.apps[f.app].Flows--
		b.apps[f.app].Bytes -= f.bytes
	}
	a := b.apps[e.App]
	if a == nil {
		a = &App{Name: e.App, Category: e.AppCategory, Risk: e.AppRisk}
		b.apps[e.App] = a
		if b.on != nil && Named(e.App) {
			b.on.NewApp(*a)
		}
	}
	if !known || f.app != e.App {
		a.Flows++
		a.Bytes += f.bytes
	}
	f.app = e.App
	if n := e.BytesSent + e.BytesReceived; n > f.bytes {
		a.Bytes += n - f.bytes
		f.bytes = n
	}
	if e.EndReason != "" {
		delete(b.flows, e.FlowID)
		return
	}
	if len(b.flows) >= maxFlows {
		for id := range b.flows { // any one: its later records count anew
			delete(b.flows, id)
			break
		}
	}
	b.flows[e.FlowID] = f
}

func (b *Board) alert(e *record.Entry) {
	client, server := netip.AddrPortFrom(e.Src, e.SrcPort), netip.AddrPortFrom(e.Dst, e.DstPort)
	if e.Direction == "to_client" {
		client, server = server, client
	}
	s := b.ledger.Threat(client, server, protocolNumber(e.Proto), e.ThreatName)
	b.alerts++
	benign := s == nil || !s.Attack
	if benign {
		b.wrong++
	}
	key := threatKey{e.ThreatID, client.Addr(), server.Addr()}
	if t := b.byKey[key]; t != nil {
		t.Count++
		t.Last = e.Time
		return
	}
	if len(b.threats) >= maxThreats {
		return
	}
	t := &Threat{
		Time: e.Time, Last: e.Time, Severity: e.Severity, SID: e.ThreatID, Name: e.ThreatName, App: e.App,
		Client: client.Addr(), Server: server, Count: 1, Benign: benign,
	}
	if s != nil {
		t.Scenario = s.Name
	}
	b.byKey[key] = t
	b.threats = append(b.threats, t)
	if b.on != nil {
		b.on.NewThreat(*t)
	}
}

// keepDeliveries is how many deliveries the board can show.
const keepDeliveries = 8

// Deliver takes one delivery of the receiver.
func (b *Board) Deliver(d Delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, d)
	b.release()
}

// release shows the deliveries whose threats were shown.
func (b *Board) release() {
	for len(b.waiting) > 0 && (b.due > 0 || !b.waiting[0].Valid) {
		if b.waiting[0].Valid {
			b.due--
		}
		b.show()
	}
}

func (b *Board) show() {
	d := b.waiting[0]
	b.waiting = slices.Delete(b.waiting, 0, 1)
	if len(b.recent) == keepDeliveries {
		b.recent = slices.Delete(b.recent, 0, 1)
	}
	b.recent = append(b.recent, d)
	if b.on != nil {
		b.on.Delivered(d)
	}
}

// Finish shows the deliveries that still wait: nothing will come any more.
func (b *Board) Finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.waiting) > 0 {
		b.show()
	}
}

// Findings are a copy of what the board holds.
type Findings struct {
	Apps       []App    // by flows, then bytes; sentinels last
	Threats    []Threat // the last seen first
	Deliveries []Delivery
	Alerts     uint64 // threats counted one by one
	False      uint64 // of those, not of an attack
}

// Findings copies the board.
func (b *Board) Findings() Findings {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := Findings{Alerts: b.alerts, False: b.wrong, Deliveries: slices.Clone(b.recent)}
	for a := range maps.Values(b.apps) {
		if a.Flows > 0 {
			f.Apps = append(f.Apps, *a)
		}
	}
	slices.SortFunc(f.Apps, func(x, y App) int {
		return cmp.Or(-compareBool(Named(x.Name), Named(y.Name)), cmp.Compare(y.Flows, x.Flows),
			cmp.Compare(y.Bytes, x.Bytes), cmp.Compare(x.Name, y.Name))
	})
	for _, t := range slices.Backward(b.threats) {
		f.Threats = append(f.Threats, *t)
	}
	slices.SortStableFunc(f.Threats, func(x, y Threat) int { return y.Last.Compare(x.Last) })
	return f
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// Named reports whether app is an application, not one of PAN-OS's words for
// having found none.
func Named(app string) bool {
	switch app {
	case "", "incomplete", "insufficient-data", "unknown-tcp", "unknown-udp", "unknown-p2p", "not-applicable":
		return false
	}
	return true
}

// NamedApps counts the applications that have a name.
func (f *Findings) NamedApps() (n int) {
	for i := range f.Apps {
		if Named(f.Apps[i].Name) {
			n++
		}
	}
	return n
}
