package health

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// Status is what a live sensor says of itself: the answer of /status.
type Status struct {
	UptimeSeconds int64           `json:"uptime_seconds"`
	Listeners     []Listener      `json:"listeners"`
	Sessions      []MirrorSession `json:"sessions"` // inspected, most frames first
	Ignored       []MirrorSession `json:"ignored"`  // refused by sources
	Losses        []Cause         `json:"losses"`
	Rules         int             `json:"rules"`
	Flows         uint64          `json:"flows"`
	OneSided      uint64          `json:"one_sided_flows"`
	Alerts        uint64          `json:"alerts"`
	Checks        []Check         `json:"checks"`
}

// Listener is one address with all its sockets.
type Listener struct {
	Address       netip.AddrPort `json:"address"`
	Sockets       int            `json:"sockets"`
	Frames        uint64         `json:"frames"`
	Malformed     uint64         `json:"malformed"`
	Truncated     uint64         `json:"truncated"`
	KernelDrops   uint64         `json:"kernel_drops"`
	ReceiveBuffer int            `json:"receive_buffer"` // bytes, of one socket
	// LastFrame is absent before the first.
	LastFrame *time.Time `json:"last_frame,omitempty"`
}

// MirrorSession is a mirrored interface and its VNI.
type MirrorSession struct {
	Source netip.Addr `json:"source"`
	VNI    uint32     `json:"vni"`
	Frames uint64     `json:"frames"`
	Last   time.Time  `json:"last"`
}

// Cause is one reason for not having inspected something.
type Cause struct {
	Cause string `json:"cause"`
	Text  string `json:"text"`
	Count uint64 `json:"count"`
}

// maxListed bounds each list of sessions in a Status.
const maxListed = 100

func (s *Server) status(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	// A reader that has gone away needs no answer.
	_ = json.NewEncoder(w).Encode(s.Status())
}

// policy answers with the flows that each rule held for, in the order of rules.
func (s *Server) policy(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	hits := s.svc.PolicyHits()
	if hits == nil {
		hits = []policy.Hits{}
	}
	// As above.
	_ = json.NewEncoder(w).Encode(hits)
}

// Status gathers what the workers published last.
func (s *Server) Status() *Status {
	st := &Status{
		UptimeSeconds: int64(s.svc.Uptime().Seconds()),
		Rules:         len(s.svc.Rules().All.Signatures()),
		Checks:        s.checks(),
	}
	seen, ignored := map[sensor.Session]sensor.SessionCount{}, map[sensor.Session]sensor.SessionCount{}
	for _, sn := range s.svc.Snapshots() {
		st.listener(sn)
		merge(seen, sn.Sessions)
		merge(ignored, sn.Ignored)
		st.OneSided += sn.Worker.OneSided
		st.Alerts += sn.Worker.Alerts
		for _, x := range sn.Stats {
			if x.Name == "flow.total" {
				st.Flows += x.Value
			}
		}
	}
	st.Sessions, st.Ignored = list(seen), list(ignored)
	for _, l := range s.svc.Loss() {
		st.Losses = append(st.Losses, Cause(l))
	}
	return st
}

func (st *Status) listener(sn *sensor.Snapshot) {
	i := slices.IndexFunc(st.Listeners, func(l Listener) bool { return l.Address == sn.Address })
	if i < 0 {
		i = len(st.Listeners)
		st.Listeners = append(st.Listeners, Listener{Address: sn.Address, ReceiveBuffer: sn.ReceiveBuffer})
	}
	l := &st.Listeners[i]
	l.Sockets++
	l.Frames += sn.Capture.Frames
	l.Malformed += sn.Capture.Malformed
	l.Truncated += sn.Capture.Truncated
	l.KernelDrops += sn.Capture.KernelDrops
	if !sn.Last.IsZero() && (l.LastFrame == nil || sn.Last.After(*l.LastFrame)) {
		at := sn.Last
		l.LastFrame = &at
	}
}

func merge(into, from map[sensor.Session]sensor.SessionCount) {
	for k, c := range from {
		have := into[k]
		into[k] = sensor.SessionCount{Frames: have.Frames + c.Frames, Last: max(have.Last, c.Last)}
	}
}

func list(m map[sensor.Session]sensor.SessionCount) []MirrorSession {
	out := make([]MirrorSession, 0, len(m))
	for k, c := range m {
		out = append(out, MirrorSession{Source: k.Source.Netip(), VNI: k.VNI, Frames: c.Frames, Last: time.Unix(0, c.Last).UTC()})
	}
	slices.SortFunc(out, func(a, b MirrorSession) int {
		return cmp.Or(cmp.Compare(b.Frames, a.Frames), a.Source.Compare(b.Source), cmp.Compare(a.VNI, b.VNI))
	})
	return out[:min(len(out), maxListed)]
}
