package sensor

import (
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// judgement is what the policy made of a flow, and of what: it holds until one
// of these changes.
type judgement struct {
	by      *policy.Policy
	app     string
	host    int // length of the host name, which stays once it is known
	pending bool

	decision policy.Decision
	asset    *policy.AssetInfo // nil: nothing is known
}

// settled is how many packets of a flow leave no hope for what is unknown still.
const settled = 16

// judge asks the policy for its view of f and fills w.ours with it; the
// application is there already. Before a flow ends, the words for "not known"
// mean that it may still be.
func (w *Worker) judge(f *flow.Flow, c *conn) {
	p := w.policy
	if p == nil {
		return
	}
	o, j := &w.ours, &c.judged
	pending := false
	if f.Reason == flow.ReasonNone {
		switch o.App {
		case appid.Incomplete, appid.InsufficientData:
			pending = true
		case appid.UnknownTCP, appid.UnknownUDP:
			pending = f.Pkts[flow.ToServer]+f.Pkts[flow.ToClient] < settled
		}
	}
	if j.by != p || j.app != o.App || j.host != len(o.Hostname) || j.pending != pending {
		w.evaluate(f, j, pending)
	}
	d := &j.decision
	o.ZoneFrom, o.ZoneTo, o.Rule, o.Verdict = d.From, d.To, d.Rule(), d.Verdict(f.Key.Proto)
	if a := j.asset; a != nil {
		o.ENI, o.Instance, o.VPC = a.ENI, a.Instance, a.VPC
	}
}

func (w *Worker) evaluate(f *flow.Flow, j *judgement, pending bool) {
	p, o, in := w.policy, &w.ours, &w.judged
	if j.by != p {
		j.asset = p.Mirrored(&f.Mirror, f.Client, f.Server)
	}
	j.by, j.app, j.host, j.pending = p, o.App, len(o.Hostname), pending
	in.Client, in.Server, in.ClientPort, in.ServerPort = f.Client, f.Server, f.ClientPort, f.ServerPort
	in.Proto, in.HasVNI, in.VNI = f.Key.Proto, f.Mirror.HasVNI, f.Mirror.FirstVNI
	in.Host, in.Time, in.App = o.Hostname, f.Start, policy.AppPending
	if !pending {
		in.App = p.App(o.App)
	}
	j.decision = p.Evaluate(in)
}

// logged reports whether the policy wants the record of f. It counts those that
// it does not want, and the flows of each rule, once for each flow.
func (w *Worker) logged(f *flow.Flow, c *conn) bool {
	if w.policy != nil && f.Reason != flow.ReasonNone {
		c.judged.decision.Hit(f.Last)
	}
	if w.policy == nil || c.judged.decision.Logged() {
		return true
	}
	if f.Reason != flow.ReasonNone {
		w.C.FlowsNotLogged++
	}
	return false
}

// alertVerdict is what an inline firewall would have done at an alert: what the
// signature's action asks for and, with a policy, what the flow's rule and its
// profiles make of that.
func (w *Worker) alertVerdict(m *detect.Match, info *record.AlertInfo, f *flow.Flow, d flow.Dir) string {
	own := would(m.Action)
	if w.policy == nil || f == nil {
		return own
	}
	j := &f.Owner.(*conn).judged
	if !j.decision.Decided() {
		return own
	}
	if own == "" {
		own = policy.VerdictAlert
	}
	t := policy.Threat{
		ID: info.SID, Name: info.Signature, Category: info.Category, Severity: uint8(info.SeverityName()),
		ToServer: d == flow.ToServer, Own: own, Client: f.Client, Server: f.Server,
	}
	for i := range info.Metadata {
		if info.Metadata[i].Name == "cve" {
			t.CVEs = info.Metadata[i].Values
		}
	}
	return j.decision.Threat(&t, f.Key.Proto)
}

// would is the verdict of an alert by its own rule: what that asks for and a
// mirror can't do.
func would(a rule.Action) string {
	switch a {
	case rule.ActionDrop:
		return policy.VerdictDeny
	case rule.ActionReject:
		return policy.VerdictReset
	}
	return ""
}

// SwapPolicy changes the policy between two packets, nil for none. Flows that
// live are judged anew, as PAN-OS does when it rematches sessions.
func (w *Worker) SwapPolicy(p *policy.Policy) { w.policy = p }

// SetPolicy gives every worker a new policy at its next batch, and keeps the
// rules; nil for none.
func (s *Service) SetPolicy(p *policy.Policy) {
	for {
		old := s.rules.Load()
		next := *old
		next.Policy = p
		if s.rules.CompareAndSwap(old, &next) {
			return
		}
	}
}

// PolicyHits tells how many flows each rule of the policy in force held for; nil
// without a policy.
func (s *Service) PolicyHits() []policy.Hits {
	p := s.rules.Load().Policy
	if p == nil {
		return nil
	}
	return p.Hits()
}
