package panos

import (
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// encoder writes a policy as elements, at the places of the original file.
type encoder struct {
	doc          *policy.Document
	shared       map[string]bool
	device, vsys string
}

// lists are the same sections once for the shared objects and once for the
// virtual system.
func (e *encoder) config() *elem {
	d := e.doc
	shared, vsys := el("shared"), entry(e.vsys)
	e.objects(shared, true)
	e.objects(vsys, false)
	var zones []*elem
	for _, z := range d.Zones {
		zones = append(zones, entry(z.Name, el("network", el("layer3"))))
	}
	vsys.add(el("zone", zones...).some(), e.rulebase())
	protection := el("zone-protection-profile")
	for _, z := range d.Profiles.Zone {
		p := entry(z.Name, floods(z.Flood))
		scan := el("scan")
		for _, s := range z.Scans {
			scan.add(entry(strconv.FormatUint(uint64(s.ID), 10), action(s.Action), number("interval", s.Interval), number("threshold", s.Threshold)))
		}
		protection.add(p.add(scan.some()))
	}
	network := el("network", el("profiles", protection.some()).some())
	return el("config", shared.some(), el("devices", entry(e.device, network.some(), el("vsys", vsys))))
}

// section writes the entries of a list that stand in one place.
func section[T any](e *encoder, shared bool, name string, list []T, nameOf func(*T) string, write func(*T) *elem) *elem {
	s := el(name)
	for i := range list {
		if e.shared[name+"/"+nameOf(&list[i])] == shared {
			s.add(write(&list[i]))
		}
	}
	return s.some()
}

func (e *encoder) objects(to *elem, shared bool) {
	d := e.doc
	to.add(
		section(e, shared, "address", d.Addresses, func(a *policy.Address) string { return a.Name }, func(a *policy.Address) *elem {
			return entry(a.Name, text("ip-netmask", a.Network), text("ip-range", a.Range), text("fqdn", a.FQDN), members("tag", a.Tags), text("description", a.Description))
		}),
		section(e, shared, "address-group", d.AddressGroups, func(a *policy.AddressGroup) string { return a.Name }, func(g *policy.AddressGroup) *elem {
			return entry(g.Name, members("static", g.Members), el("dynamic", text("filter", g.Filter)).some(), members("tag", g.Tags), text("description", g.Description))
		}),
		section(e, shared, "external-list", d.ExternalLists, func(l *policy.ExternalList) string { return l.Name }, externalList),
		section(e, shared, "service", d.Services, func(s *policy.Service) string { return s.Name }, func(s *policy.Service) *elem {
			p := el("protocol", el(s.Protocol, text("port", s.Ports), text("source-port", s.SourcePorts)))
			return entry(s.Name, p, members("tag", s.Tags), text("description", s.Description))
		}),
		section(e, shared, "service-group", d.ServiceGroups, func(g *policy.Group) string { return g.Name }, group),
		section(e, shared, "application-group", d.ApplicationGroups, func(g *policy.Group) string { return g.Name }, group),
		section(e, shared, "application-filter", d.ApplicationFilters, func(f *policy.ApplicationFilter) string { return f.Name }, applicationFilter),
		section(e, shared, "schedule", d.Schedules, func(s *policy.Schedule) string { return s.Name }, schedule),
		e.profiles(shared),
		section(e, shared, "profile-group", d.ProfileGroups, func(g *policy.ProfileGroup) string { return g.Name }, func(g *policy.ProfileGroup) *elem {
			return entry(g.Name, profileSet(&g.ProfileSet)...)
		}),
		e.logSettings(shared),
	)
}

func group(g *policy.Group) *elem {
	return entry(g.Name, members("members", g.Members), members("tag", g.Tags))
}

func externalList(l *policy.ExternalList) *elem {
	every := el("recurring")
	if l.Every != "" {
		every.add(el(l.Every))
	}
	return entry(l.Name, el("type", el(l.Type, text("url", l.URL), every.some(), members("exception-list", l.Exceptions))))
}

func applicationFilter(f *policy.ApplicationFilter) *elem {
	var risks []string
	for _, r := range f.Risks {
		risks = append(risks, strconv.Itoa(r))
	}
	return entry(f.Name, members("category", f.Categories), members("subcategory", f.Subcategories), members("technology", f.Technologies),
		members("risk", risks), el("tagging", members("tag", f.Tags)).some())
}

func schedule(s *policy.Schedule) *elem {
	var daily, dates []string
	weekly := map[string][]string{}
	for _, t := range s.Times {
		day, at, ok := strings.Cut(t, " ")
		switch {
		case !ok:
			dates = append(dates, t)
		case day == "daily":
			daily = append(daily, at)
		default:
			weekly[day] = append(weekly[day], at)
		}
	}
	week := el("weekly")
	for _, day := range weekdays() {
		week.add(members(day, weekly[day]))
	}
	return entry(s.Name, el("schedule-type", el("recurring", members("daily", daily), week.some()).some(), members("non-recurring", dates)))
}

func action(a string) *elem {
	switch a {
	case "":
		return nil
	case "block-ip":
		return el("action", el(a, text("track-by", "source"), text("duration", "300")))
	}
	return el("action", el(a))
}

func severityProfile(vulnerability bool) func(p *policy.SeverityProfile) *elem {
	return func(p *policy.SeverityProfile) *elem {
		rules := el("rules")
		for _, r := range p.Rules {
			e := entry(r.Name, action(r.Action), anyMembers("severity", r.Severities))
			if vulnerability || len(r.CVEs) > 0 {
				e.add(anyMembers("vendor-id", nil), anyMembers("cve", r.CVEs))
			}
			host := r.Host
			if vulnerability && host == "" {
				host = "any"
			}
			rules.add(e.add(anyText("threat-name", r.Threat), text("host", host), anyText("category", strings.Join(r.Categories, ",")), text("packet-capture", r.Capture)))
		}
		exceptions := el("threat-exception")
		for _, x := range p.Exceptions {
			ips := el("exempt-ip")
			for _, a := range x.Addresses {
				ips.add(entry(a))
			}
			exceptions.add(entry(strconv.FormatUint(uint64(x.ID), 10), action(x.Action), text("packet-capture", x.Capture), ips.some()))
		}
		return entry(p.Name, text("description", p.Description), rules.some(), exceptions.some())
	}
}

func virusProfile(p *policy.SeverityProfile) *elem {
	d := el("decoder")
	if len(p.Rules) > 0 {
		for _, name := range decoders() {
			d.add(entry(name, text("action", p.Rules[0].Action)))
		}
	}
	return entry(p.Name, text("description", p.Description), d.some())
}

func (e *encoder) profiles(shared bool) *elem {
	p := &e.doc.Profiles
	severityName := func(s *policy.SeverityProfile) string { return s.Name }
	return el("profiles",
		section(e, shared, "custom-url-category", e.doc.URLCategories, func(c *policy.URLCategory) string { return c.Name }, func(c *policy.URLCategory) *elem {
			return entry(c.Name, members("list", c.List), text("type", "URL List"), text("description", c.Description))
		}),
		section(e, shared, "vulnerability", p.Vulnerability, severityName, severityProfile(true)),
		section(e, shared, "spyware", p.Spyware, severityName, severityProfile(false)),
		section(e, shared, "virus", p.Virus, severityName, virusProfile),
		section(e, shared, "url-filtering", p.URL, func(u *policy.URLProfile) string { return u.Name }, func(u *policy.URLProfile) *elem {
			x := entry(u.Name)
			for _, a := range []string{"alert", "block", "continue", "override"} {
				x.add(members(a, u.Actions[a]))
			}
			return x
		}),
		section(e, shared, "file-blocking", p.File, func(f *policy.FileProfile) string { return f.Name }, func(f *policy.FileProfile) *elem {
			rules := el("rules")
			for _, r := range f.Rules {
				rules.add(entry(r.Name, anyMembers("application", r.Applications), anyMembers("file-type", r.Types), text("direction", r.Direction), text("action", r.Action)))
			}
			return entry(f.Name, rules.some())
		}),
		section(e, shared, "data-filtering", p.Data, func(f *policy.DataProfile) string { return f.Name }, func(f *policy.DataProfile) *elem {
			rules := el("rules")
			for i, pattern := range f.Patterns {
				rules.add(entry("rule"+strconv.Itoa(i), text("data-object", pattern), number("alert-threshold", f.Alert), number("block-threshold", f.Block)))
			}
			return entry(f.Name, rules.some().replaced())
		}),
		section(e, shared, "dos-protection", p.DoS, func(f *policy.DoSProfile) string { return f.Name }, func(f *policy.DoSProfile) *elem {
			limit := number("max-concurrent-limit", f.MaxSessions)
			var res *elem
			if limit != nil {
				res = el("resource", el("sessions", text("enabled", "yes"), limit))
			}
			return entry(f.Name, text("type", f.Type), floods(f.Flood), res)
		}),
	).some()
}

func floods(rates map[string]policy.FloodRate) *elem {
	f := el("flood")
	for _, kind := range floodKinds() {
		if r, ok := rates[kind]; ok {
			f.add(el(kind, text("enable", "yes"), el("red", text("alarm-rate", strconv.Itoa(r.Alarm)), text("activate-rate", strconv.Itoa(r.Activate)),
				text("maximal-rate", strconv.Itoa(r.Maximal)))).replaced())
		}
	}
	return f.some()
}

func profileSet(s *policy.ProfileSet) []*elem {
	one := func(name, value string) *elem {
		if value == "" {
			return nil
		}
		return members(name, []string{value})
	}
	return []*elem{one("vulnerability", s.Vulnerability), one("spyware", s.Spyware), one("virus", s.Virus),
		one("url-filtering", s.URL), one("file-blocking", s.File), one("data-filtering", s.Data)}
}

func (e *encoder) rulebase() *elem {
	security, tunnel, defaults := el("rules"), el("rules"), el("rules")
	for i := range e.doc.Rules {
		security.add(securityRule(&e.doc.Rules[i]))
	}
	for _, t := range e.doc.TunnelInspection {
		ids := el("vni")
		if len(t.VNIs) > 0 {
			ids.add(entry("vnis", text("id", strings.Join(t.VNIs, ","))))
		}
		tunnel.add(entry(t.Name, anyMembers("from", t.From), anyMembers("to", t.To), anyMembers("source", t.Source), anyMembers("destination", t.Destination),
			anyMembers("source-user", nil), members("application", []string{"vxlan"}),
			el("monitor-options", text("monitor-name", t.MonitorName)).some(), el("tunnel-id", ids.some().replaced()).some(), yes("disabled", t.Disabled)))
	}
	for _, d := range []struct {
		name string
		rule policy.DefaultRule
	}{{"intrazone-default", e.doc.Intrazone}, {"interzone-default", e.doc.Interzone}} {
		if d.rule != (policy.DefaultRule{}) {
			defaults.add(entry(d.name, text("action", d.rule.Action), yes("log-end", d.rule.LogEnd), text("log-setting", d.rule.LogForwarding)))
		}
	}
	base := el("rulebase")
	for _, k := range []struct {
		name  string
		rules *elem
	}{{"security", security}, {"tunnel-inspect", tunnel}, {"default-security-rules", defaults}} {
		base.add(el(k.name, k.rules.some()).some())
	}
	return base.some()
}

func securityRule(r *policy.Rule) *elem {
	x := entry(r.Name, text("rule-type", r.Type), anyMembers("from", r.From), anyMembers("to", r.To), anyMembers("source", r.Source),
		yes("negate-source", r.NegateSource), anyMembers("destination", r.Destination), yes("negate-destination", r.NegateDestination),
		anyMembers("source-user", r.SourceUser), anyMembers("application", r.Application), anyMembers("service", r.Service),
		anyMembers("category", r.URLCategory), text("action", r.Action), yes("log-start", r.LogStart))
	x.uuid = r.UUID
	if r.LogEnd != nil {
		end := "no"
		if *r.LogEnd {
			end = "yes"
		}
		x.add(text("log-end", end))
	}
	setting := el("profile-setting", el("profiles", profileSet(&r.Profiles)...).some())
	if r.ProfileGroup != "" {
		setting.add(members("group", []string{r.ProfileGroup}))
	}
	return x.add(text("log-setting", r.LogForwarding), setting.some(), text("schedule", r.Schedule), members("tag", r.Tags),
		text("description", r.Description), yes("disabled", r.Disabled))
}
