package panos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

func splitComma(s string) []string {
	var out []string
	for _, p := range strings.Split(s, ",") {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return out
}

func (im *importer) profiles(n *Node, path string, shared bool) {
	d := &im.doc.Profiles
	for _, k := range n.Kids {
		at := path + k.step()
		switch k.Name {
		case "custom-url-category":
			im.objects(k, at, shared)
		case "vulnerability":
			im.list(k, at, shared, func(x *fields) { d.Vulnerability = append(d.Vulnerability, im.severityProfile(x)) })
		case "spyware":
			im.list(k, at, shared, func(x *fields) { d.Spyware = append(d.Spyware, im.severityProfile(x)) })
		case "virus":
			im.list(k, at, shared, func(x *fields) { d.Virus = append(d.Virus, im.virusProfile(x)) })
		case "url-filtering":
			im.list(k, at, shared, func(x *fields) { d.URL = append(d.URL, im.urlProfile(x)) })
		case "file-blocking":
			im.list(k, at, shared, func(x *fields) { d.File = append(d.File, im.fileProfile(x)) })
		case "data-filtering":
			im.list(k, at, shared, func(x *fields) { d.Data = append(d.Data, im.dataProfile(x)) })
		case "dos-protection":
			im.list(k, at, shared, func(x *fields) { d.DoS = append(d.DoS, im.dosProfile(x)) })
		case "wildfire-analysis":
			im.keep(at, "files are hashed here and sent nowhere")
		default:
			im.keep(at, "")
		}
	}
}

func (im *importer) severityProfile(x *fields) policy.SeverityProfile {
	p := policy.SeverityProfile{Name: x.name(), Description: x.text("description")}
	x.reason = "actions become verdicts"
	for _, e := range x.kid("rules").Entries() {
		r := x.entry("rules", e)
		p.Rules = append(p.Rules, policy.SeverityRule{Name: r.name(), Severities: r.members("severity"),
			Categories: notAny(splitComma(r.text("category"))), CVEs: r.members("cve"), Host: r.text("host"),
			Threat: r.anyText("threat-name"), Action: defaulted(r.action("action")), Capture: r.text("packet-capture")})
		r.drop("vendor-id", "vendor numbers of flaws are not known here")
		r.rest()
	}
	for _, e := range x.kid("threat-exception").Entries() {
		r := x.entry("threat-exception", e)
		id, err := strconv.ParseUint(r.name(), 10, 32)
		if err != nil {
			im.keep(r.path, "want the number of a signature")
			continue
		}
		t := policy.ThreatException{ID: uint32(id), Action: defaulted(r.action("action")), Capture: r.text("packet-capture")}
		for _, ip := range r.kid("exempt-ip").Entries() {
			t.Addresses = append(t.Addresses, ip.Attr("name"))
		}
		r.drop("time-attribute", "thresholds of a signature stand in the threshold file")
		r.rest()
		p.Exceptions = append(p.Exceptions, t)
	}
	x.drop("botnet-domains", "DNS lists and sinkholes of the vendor: use lists of the sensor")
	return p
}

// entry reads an entry below a child.
func (x *fields) entry(list string, e *Node) *fields {
	return &fields{im: x.im, n: e, path: x.path + "/" + list + e.step(), used: make([]bool, len(e.Kids)), status: x.status}
}

func defaulted(action string) string {
	if action == "" {
		return "default"
	}
	return action
}

// decoders are those of an antivirus profile.
func decoders() []string { return []string{"ftp", "http", "http2", "imap", "pop3", "smb", "smtp"} }

// virusProfile has one rule: a profile that treats decoders differently gets the
// strictest action, which on a mirror is a verdict.
func (im *importer) virusProfile(x *fields) policy.SeverityProfile {
	p := policy.SeverityProfile{Name: x.name(), Description: x.text("description")}
	order := []string{"allow", "alert", "default", "drop", "reset-client", "reset-server", "reset-both"}
	best, differ := -1, false
	for _, e := range x.kid("decoder").Entries() {
		r := x.entry("decoder", e)
		at := max(slices.Index(order, defaulted(r.action("action"))), 0)
		differ = differ || (best >= 0 && at != best)
		best = max(best, at)
		r.drop("wildfire-action", "files are sent nowhere", "default", "allow")
		r.drop("mlav-action", "the vendor's model is not to be had", "default", "allow")
		r.rest()
	}
	if best >= 0 {
		p.Rules = []policy.SeverityRule{{Name: "any", Action: order[best]}}
	}
	if x.status = Translated; differ {
		im.warn(x.path, "decoders have different actions", fmt.Sprintf("all are read as %s", order[best]))
	}
	x.reason = "one action for all decoders"
	x.drop("packet-capture", "captures are set by evidence")
	return p
}

func (im *importer) urlProfile(x *fields) policy.URLProfile {
	p := policy.URLProfile{Name: x.name()}
	for _, action := range []string{"alert", "block", "continue", "override"} {
		if m := x.kid(action).Members(); len(m) > 0 {
			if p.Actions == nil {
				p.Actions = map[string][]string{}
			}
			p.Actions[action] = m
		}
	}
	x.kid("allow") // is what the others leave
	x.kid("description")
	for _, f := range []string{"log-http-hdr-xff", "log-http-hdr-user-agent", "log-http-hdr-referer"} {
		x.kid(f) // written for each request
	}
	x.drop("safe-search-enforcement", "a mirror enforces nothing")
	x.drop("credential-enforcement", "a mirror enforces nothing")
	x.drop("log-container-page-only", "each request is logged")
	x.reason = "categories need a feed; what has none is unknown"
	return p
}

func (im *importer) fileProfile(x *fields) policy.FileProfile {
	p := policy.FileProfile{Name: x.name()}
	x.kid("description")
	for _, e := range x.kid("rules").Entries() {
		r := x.entry("rules", e)
		p.Rules = append(p.Rules, policy.FileRule{Name: r.name(), Applications: r.members("application"), Types: r.members("file-type"),
			Direction: r.text("direction"), Action: r.text("action")})
		r.rest()
	}
	return p
}

func (im *importer) dataProfile(x *fields) policy.DataProfile {
	p := policy.DataProfile{Name: x.name()}
	x.kid("description")
	least := func(a, b int) int {
		if a == 0 || (b > 0 && b < a) {
			return b
		}
		return a
	}
	for _, e := range x.kid("rules").Entries() {
		r := x.entry("rules", e)
		if s := r.text("data-object"); s != "" {
			p.Patterns = append(p.Patterns, s)
		}
		p.Alert = least(p.Alert, r.number("alert-threshold"))
		p.Block = least(p.Block, r.number("block-threshold"))
		for _, f := range []string{"application", "file-type", "direction", "log-severity"} {
			r.drop(f, "the pattern is looked for in all content", "both", "informational")
		}
		r.rest()
	}
	x.status, x.reason = Translated, "patterns of all its rules, with the lowest thresholds"
	return p
}

// floods reads rates by kind; nil when there are none.
func (x *fields) floods() map[string]policy.FloodRate {
	var out map[string]policy.FloodRate
	flood := x.sub("flood")
	for _, kind := range floodKinds() {
		if flood.n.Kid(kind) == nil {
			continue
		}
		k := flood.sub(kind)
		enabled := k.text("enable")
		for _, way := range []string{"red", "syn-cookies"} {
			if k.n.Kid(way) == nil {
				continue
			}
			r := k.sub(way)
			if out == nil {
				out = map[string]policy.FloodRate{}
			}
			if enabled != "no" {
				out[kind] = policy.FloodRate{Alarm: r.number("alarm-rate"), Activate: r.number("activate-rate"), Maximal: r.number("maximal-rate")}
			}
			r.kid("block")
			r.rest()
		}
		k.rest()
	}
	flood.rest()
	return out
}

func floodKinds() []string { return []string{"tcp-syn", "udp", "icmp", "icmpv6", "other-ip"} }

func (im *importer) dosProfile(x *fields) policy.DoSProfile {
	p := policy.DoSProfile{Name: x.name(), Type: x.text("type"), Flood: x.floods()}
	x.kid("description")
	res := x.sub("resource")
	s := res.sub("sessions")
	p.MaxSessions = s.number("max-concurrent-limit")
	s.kid("enabled")
	s.rest()
	res.rest()
	return p
}

func (im *importer) zoneProtection(x *fields) {
	p := policy.ZoneProtection{Name: x.name(), Flood: x.floods()}
	x.kid("description")
	for _, e := range x.kid("scan").Entries() {
		r := x.entry("scan", e)
		id, err := strconv.ParseUint(r.name(), 10, 32)
		if err != nil {
			im.keep(r.path, "want the number of a scan")
			continue
		}
		p.Scans = append(p.Scans, policy.ScanLimit{ID: uint32(id), Interval: r.number("interval"), Threshold: r.number("threshold"),
			Action: r.action("action")})
		r.rest()
	}
	im.doc.Profiles.Zone = append(im.doc.Profiles.Zone, p)
}

func (im *importer) profileGroups(n *Node, path string, shared bool) {
	im.list(n, path, shared, func(x *fields) {
		im.doc.ProfileGroups = append(im.doc.ProfileGroups, policy.ProfileGroup{Name: x.name(), ProfileSet: im.profileSet(x)})
	})
}

// predefined writes the vendor's built-in profiles that rules name and the file
// need not define.
func (im *importer) predefined() {
	d := im.doc
	sets := []policy.ProfileSet{}
	for i := range d.Rules {
		sets = append(sets, d.Rules[i].Profiles)
	}
	for i := range d.ProfileGroups {
		sets = append(sets, d.ProfileGroups[i].ProfileSet)
	}
	for _, s := range sets {
		if s.File == "strict file blocking" || s.File == "basic file blocking" {
			if !slices.ContainsFunc(d.Profiles.File, func(p policy.FileProfile) bool { return p.Name == s.File }) {
				d.Profiles.File = append(d.Profiles.File, fileBlocking(s.File))
				im.item("predefined file profile '"+s.File+"'", Translated, "written out: policy.profiles.file")
			}
		}
		if s.URL == "default" && !slices.ContainsFunc(d.Profiles.URL, func(p policy.URLProfile) bool { return p.Name == s.URL }) {
			d.Profiles.URL = append(d.Profiles.URL, policy.URLProfile{Name: "default", Actions: map[string][]string{
				"block": {"command-and-control", "grayware", "malware", "phishing", "ransomware"}}})
			im.item("predefined URL profile 'default'", Translated, "written out: policy.profiles.url")
		}
	}
}

func fileBlocking(name string) policy.FileProfile {
	block := []string{"7z", "bat", "chm", "class", "cpl", "dll", "exe", "hlp", "hta", "jar", "ocx", "PE", "pif", "rar", "scr", "torrent", "vbe", "wsf"}
	if strings.HasPrefix(name, "strict") {
		block = append(block, "flash", "tar", "cab", "msi", "multi-level-encoding", "encrypted-zip", "encrypted-rar")
	}
	return policy.FileProfile{Name: name, Rules: []policy.FileRule{
		{Name: "block", Types: block, Direction: "both", Action: "block"},
		{Name: "rest", Direction: "both", Action: "alert"},
	}}
}
