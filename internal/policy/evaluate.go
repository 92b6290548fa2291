package policy

import (
	"math/bits"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Flow is what a policy judges. Its owner may fill it again and again: it keeps
// the memory that judging needs, so that nothing is allocated.
type Flow struct {
	Client, Server         packet.Addr
	ClientPort, ServerPort uint16
	Proto                  uint8
	HasVNI                 bool
	VNI                    uint32
	App                    App    // of the same policy's App
	Host                   []byte // that the client asked for, lower case; nil: not known
	Time                   int64  // packet time, nanoseconds

	host    ruleSet
	regions [numSides]ruleSet
}

// Decision is what a policy makes of a flow. The zero value is that of no policy.
type Decision struct {
	rule *ruleInfo
	// From and To are the zones of client and server, "" for none.
	From, To string
	// Pending: which rule fits hangs on an application that is not known yet.
	Pending bool
}

// Decided reports whether a rule, or a default, holds.
func (d *Decision) Decided() bool { return d.rule != nil }

// Rule names the rule that holds, "" while none does.
func (d *Decision) Rule() string {
	if d.rule == nil {
		return ""
	}
	return d.rule.name
}

// Action is the rule's action in PAN-OS's words, "" while none holds.
func (d *Decision) Action() string {
	if d.rule == nil {
		return ""
	}
	return d.rule.action
}

// Verdict is what an inline firewall would have done: allow, would-deny or
// would-reset; "" while no rule holds.
func (d *Decision) Verdict(proto uint8) string {
	if d.rule == nil {
		return ""
	}
	if d.rule.verdict == VerdictReset && proto != packet.ProtoTCP {
		return VerdictDeny
	}
	return d.rule.verdict
}

// Logged reports whether the flow's record is wanted: where no rule holds, it is.
func (d *Decision) Logged() bool { return d.rule == nil || d.rule.logEnd }

// Forwarding names the rule's log forwarding, "" for none.
func (d *Decision) Forwarding() string {
	if d.rule == nil {
		return ""
	}
	return d.rule.forward
}

// Judges reports whether there are rules to judge by; without any, zones and
// assets are all that a policy knows.
func (p *Policy) Judges() bool { return p.judges }

// Evaluate finds the first rule that fits, from the top, else the default of
// flows within a zone, or between zones. Ends that are in no zone count as in
// one of their own. It allocates nothing once in has seen the policy.
func (p *Policy) Evaluate(in *Flow) (d Decision) {
	client, server := ip(in.Client), ip(in.Server)
	zf := p.zoneOf(client, in.VNI, in.HasVNI)
	zt := p.zoneOf(server, in.VNI, in.HasVNI)
	d.From, d.To = p.zones[zf], p.zones[zt]
	if !p.judges {
		return d
	}
	fallback, kind := &p.interzone, 0
	if zf == zt {
		fallback, kind = &p.intrazone, 1
	}
	if len(p.rules) == 0 {
		d.rule = fallback
		return d
	}
	src := p.class(source, client, &in.regions[source])
	n := len(src)
	dst := p.class(destination, server, &in.regions[destination])[:n]
	from, to, kinds := p.from[zf][:n], p.to[zt][:n], p.kinds[kind][:n]
	svc, byDefault := p.service(in)
	svc, byDefault = svc[:n], byDefault[:n]
	app := p.appSets.at(p.apps[in.App].class)[:n]
	host := p.hostRules(in.Host, &in.host)[:n]
	for i, s := range src {
		for m := s & dst[i] & from[i] & to[i] & kinds[i] & (svc[i] | byDefault[i]) & app[i] & host[i]; m != 0; m &= m - 1 {
			r := &p.rules[i<<6|bits.TrailingZeros64(m)]
			if r.checked && !r.holds(in) {
				continue
			}
			if in.App == AppPending && r.namesApps {
				d.Pending = true
				return d
			}
			d.rule = r
			return d
		}
	}
	d.rule = fallback
	return d
}

// service returns the rules that fit the ports by their services, and those
// that fit because the application uses them by default.
func (p *Policy) service(in *Flow) (svc, byDefault ruleSet) {
	if in.App <= appInsufficient {
		// The default ports of what the flow may be are among the services.
		return p.pendingPorts.of(in.Proto, in.ServerPort), p.none
	}
	svc, byDefault = p.ports.of(in.Proto, in.ServerPort), p.none
	if p.apps[in.App].isDefault(in.Proto, in.ServerPort) {
		byDefault = p.byDefault
	}
	return svc, byDefault
}

// holds checks what the sets do not say.
func (r *ruleInfo) holds(in *Flow) bool {
	if r.schedule != nil && !r.schedule.covers(in.Time) {
		return false
	}
	if r.services == nil {
		return true
	}
	for _, s := range r.services {
		if s.holds(in.Proto, in.ClientPort, in.ServerPort) {
			return true
		}
	}
	return false
}
