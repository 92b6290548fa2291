package panos

import (
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

func (im *importer) rulebase(n *Node, path string) {
	for _, k := range n.Kids {
		at := path + k.step()
		for _, r := range k.Kids {
			p := at + r.step()
			switch {
			case k.Name == "security" && r.Name == "rules":
				im.list(r, p, false, im.securityRule)
			case k.Name == "tunnel-inspect" && r.Name == "rules":
				im.list(r, p, false, im.tunnelRule)
			case k.Name == "default-security-rules" && r.Name == "rules":
				im.list(r, p, false, im.defaultRule)
			case r.Name == "rules" && len(r.Kids) > 0:
				im.named(r, p, func(e *Node, p string) { im.keep(p, k.Name+" rules change traffic, a mirror can't") })
			case len(r.Kids) > 0 || r.Text != "":
				im.keep(p, "")
			}
		}
		if len(k.Kids) == 0 {
			im.item(at, Supported, "empty")
		}
	}
}

func (im *importer) securityRule(x *fields) {
	r := policy.Rule{
		Name: x.name(), UUID: x.n.Attr("uuid"), Type: x.text("rule-type"),
		From: x.members("from"), To: x.members("to"),
		Source: x.members("source"), NegateSource: x.yes("negate-source"),
		Destination: x.members("destination"), NegateDestination: x.yes("negate-destination"),
		SourceUser: x.members("source-user"), Application: x.members("application"), Service: x.members("service"),
		URLCategory: x.members("category"), Action: x.text("action"),
		LogStart: x.yes("log-start"), LogForwarding: x.text("log-setting"), Schedule: x.text("schedule"),
		Tags: x.members("tag"), Description: x.text("description"), Disabled: x.yes("disabled"),
	}
	if x.kid("log-end") != nil {
		yes := x.yes("log-end")
		r.LogEnd = &yes
	}
	if len(r.SourceUser) > 0 {
		im.warn(x.path+"/source-user", "a mirror shows no users", "the rule is kept with them, and fits no flow by a user")
	}
	for _, f := range []string{"hip-profiles", "source-hip", "destination-hip"} {
		x.drop(f, "a mirror shows no host profiles")
	}
	x.drop("icmp-unreachable", "a sensor sends nothing")
	x.drop("qos", "a sensor marks nothing")
	if o := x.kid("option"); o != nil && o.Kid("disable-server-response-inspection").String() == "yes" {
		im.keep(x.path+"/option", "both directions are inspected")
	}
	x.drop("group-tag", "a label of the vendor's console")
	x.drop("target", "the rule holds for this sensor")
	im.profileSetting(x, &r)
	switch r.Action {
	case "":
		im.warn(x.path, "the rule has no action", "read as deny")
		r.Action = "deny"
	case "allow":
	default:
		x.reason = "becomes a verdict: a mirror blocks nothing"
	}
	im.doc.Rules = append(im.doc.Rules, r)
}

func (im *importer) profileSetting(x *fields, r *policy.Rule) {
	s := x.sub("profile-setting")
	if g := s.kid("group").Members(); len(g) > 0 {
		r.ProfileGroup = g[0]
	}
	p := s.sub("profiles")
	r.Profiles = im.profileSet(p)
	p.rest()
	s.rest()
}

// profileSet reads the profiles that a rule or a group names: one of each kind.
func (im *importer) profileSet(p *fields) policy.ProfileSet {
	one := func(name string) string {
		m := p.kid(name).Members()
		if len(m) > 1 {
			im.warn(p.path+"/"+name, fmt.Sprintf("want one profile, got %d", len(m)), "the first is used")
		}
		if len(m) > 0 {
			return m[0]
		}
		return ""
	}
	if m := p.kid("wildfire-analysis").Members(); len(m) > 0 {
		im.keep(p.path+"/wildfire-analysis", "files are hashed here and sent nowhere")
	}
	return policy.ProfileSet{Vulnerability: one("vulnerability"), Spyware: one("spyware"), Virus: one("virus"),
		URL: one("url-filtering"), File: one("file-blocking"), Data: one("data-filtering")}
}

func (im *importer) defaultRule(x *fields) {
	d := policy.DefaultRule{Action: x.text("action"), LogEnd: x.yes("log-end"), LogForwarding: x.text("log-setting")}
	x.drop("log-start", "default rules log at the end")
	if s := x.kid("profile-setting"); s != nil && len(s.Kids) > 0 {
		im.keep(x.path+"/profile-setting", "default rules have no profiles here")
	}
	switch x.name() {
	case "intrazone-default":
		im.doc.Intrazone = d
	case "interzone-default":
		im.doc.Interzone = d
	default:
		x.status, x.reason = Kept, "want intrazone-default or interzone-default"
	}
}

func (im *importer) tunnelRule(x *fields) {
	r := policy.TunnelRule{Name: x.name(), From: x.members("from"), To: x.members("to"), Source: x.members("source"),
		Destination: x.members("destination"), Disabled: x.yes("disabled")}
	apps := x.members("application")
	for _, a := range apps {
		if a != "vxlan" && a != "gre" {
			im.warn(x.path+"/application", "the sensor takes "+printable(clip(a))+" only where a listener is set to it", "see sensor.listen")
		}
	}
	x.members("source-user")
	x.text("description")
	x.kid("tag")
	o := x.sub("inspect-options")
	if o.yes("return-vxlan-to-source") {
		im.keep(o.path+"/return-vxlan-to-source", "the sensor never transmits")
		im.warn(o.path+"/return-vxlan-to-source", "packets are not returned to their source: the sensor never transmits on the capture path", "")
	}
	o.drop("max-level-inspection", "the sensor's own depth holds", "1", "2")
	for _, f := range []string{"drop-over-max", "drop-strict-checking", "drop-unknown-protocol"} {
		o.drop(f, "a mirror drops nothing")
	}
	o.rest()
	m := x.sub("monitor-options")
	r.MonitorName = m.text("monitor-name")
	if ls := m.kid("log-setting-override"); ls != nil && len(ls.Kids) > 0 {
		im.item(m.path+"/log-setting-override", Supported, "tunnel sessions are logged at start and end")
	}
	m.rest()
	ids := x.sub("tunnel-id")
	for _, key := range []string{"vni", "tunnel-id"} {
		for _, e := range ids.kid(key).Entries() {
			r.VNIs = append(r.VNIs, splitComma(e.Kid("id").String())...)
		}
	}
	ids.rest()
	x.reason = "mirror sessions are unpacked in any case; the monitor name labels them"
	im.doc.TunnelInspection = append(im.doc.TunnelInspection, r)
}

// lint says what an owner would want to know of the whole.
func (im *importer) lint() {
	forwards := im.doc.Intrazone.LogForwarding != "" || im.doc.Interzone.LogForwarding != ""
	for _, r := range im.doc.Rules {
		forwards = forwards || r.LogForwarding != ""
	}
	if len(im.doc.Rules) > 0 && !forwards {
		im.warn("/config", "no rule forwards its logs: nobody is told of what it finds", "name a profile of policy.log_forwarding in the rules' log_forwarding")
	}
}
