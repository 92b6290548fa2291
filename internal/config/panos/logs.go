package panos

import (
	"net/url"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

func (im *importer) logSettings(n *Node, path string, shared bool) {
	for _, k := range n.Kids {
		at := path + k.step()
		switch {
		case k.Name == "http":
			im.list(k, at, shared, im.httpServer)
		case k.Name == "profiles":
			im.list(k, at, shared, im.logProfile)
		case k.Kid("match-list") != nil && shared:
			for _, m := range k.Kids {
				if m.Name != "match-list" {
					im.keep(at+m.step(), "")
					continue
				}
				im.list(m, at+m.step(), false, func(x *fields) {
					l := im.logMatch(x)
					l.Log = k.Name
					im.logs = append(im.logs, l)
				})
			}
		case len(k.Kids) == 0:
			im.item(at, Supported, "empty")
		default:
			im.keep(at, "only HTTP servers are asked")
		}
	}
}

func (im *importer) httpServer(x *fields) {
	h := policy.HTTPServer{Name: x.name()}
	x.drop("tag-registration", "tags are registered by log forwarding")
	for _, e := range x.kid("server").Entries() {
		s := x.entry("server", e)
		h.Servers = append(h.Servers, policy.HTTPTarget{Name: s.name(), Address: s.text("address"), Protocol: s.text("protocol"),
			Port: s.number("port"), Method: s.text("http-method"), Username: s.text("username")})
		s.drop("tls-version", "TLS 1.2 or later is spoken", "1.2", "1.3")
		s.drop("certificate-profile", "the system's certificates are used", "None")
		if s.kid("password") != nil {
			im.item(s.path+"/password", Refused, "a password of the file is not taken")
			im.warn(s.path+"/password", "the server's password is not taken", "set password_file or password_env of the server")
		}
		s.rest()
	}
	format := x.sub("format")
	for _, k := range format.n.Kids {
		if h.Formats == nil {
			h.Formats = map[string]policy.HTTPFormat{}
		}
		if _, twice := h.Formats[k.Name]; twice {
			im.keep(format.path+"/"+k.Name, "there is one already")
			continue
		}
		f := format.sub(k.Name)
		h.Formats[k.Name] = policy.HTTPFormat{Name: f.text("name"), URL: f.url("url-format"), Headers: f.pairs("headers"),
			Params: f.pairs("params"), Payload: f.text("payload")}
		f.rest()
	}
	im.doc.HTTPServers = append(im.doc.HTTPServers, h)
}

// pairs are the headers or parameters of a request, without the values of those
// that by their name carry a credential: in the file they are plain text.
func (x *fields) pairs(name string) map[string]string {
	var out map[string]string
	for _, e := range x.kid(name).Entries() {
		key := e.Attr("name")
		if secretName(key) {
			at := x.path + "/" + name + e.step()
			x.im.item(at, Refused, "a credential of the file is not taken")
			x.im.warn(at, "the value of "+key+" is not taken: it may be a credential",
				"send these records with a list of respond:, whose action takes its secret from a file or the environment")
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[key] = e.Kid("value").String()
	}
	return out
}

// url is the text of a child that is a URL, or a path and query, without user,
// password and parameters that by their name carry a credential.
func (x *fields) url(name string) string {
	text := x.text(name)
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	what := ""
	if u.User != nil {
		u.User, what = nil, "user and password"
	}
	kept := []string{}
	for _, p := range strings.Split(u.RawQuery, "&") {
		if key, _, given := strings.Cut(p, "="); given && secretName(key) {
			what = "parameter " + key
			continue
		}
		kept = append(kept, p)
	}
	if what == "" {
		return text // as it was written
	}
	u.RawQuery = strings.Join(kept, "&")
	at := x.path + "/" + name
	x.im.item(at, Refused, "a credential of the file is not taken")
	x.im.warn(at, what+" of the URL: not taken, it may be a credential", "let the receiver, or a proxy before it, know this machine by its address")
	return u.String()
}

// secretName reports whether a header or parameter of that name is likely to
// carry a credential. Receivers have names of their own, so that parts of names
// count: X-Api-Key, PRIVATE-TOKEN, client_secret, routing_key.
func secretName(name string) bool {
	low := strings.ToLower(name)
	for _, part := range []string{"auth", "cookie", "credential", "key", "passw", "passphrase", "pwd", "secret", "session", "sig", "token", "bearer", "jwt"} {
		if strings.Contains(low, part) {
			return true
		}
	}
	return false
}

func (im *importer) logProfile(x *fields) {
	l := policy.LogForwards{Name: x.name()}
	x.drop("enhanced-application-logging", "each flow is logged in full")
	x.kid("description")
	for _, e := range x.kid("match-list").Entries() {
		m := x.entry("match-list", e)
		l.Match = append(l.Match, im.logMatch(m))
		m.rest()
	}
	im.doc.LogForwarding = append(im.doc.LogForwarding, l)
}

func (im *importer) logMatch(m *fields) policy.LogMatch {
	l := policy.LogMatch{Name: m.name(), Description: m.text("action-desc"), Log: m.text("log-type"), Filter: m.text("filter"),
		HTTP: m.kid("send-http").Members()}
	for _, f := range []string{"send-to-panorama", "send-snmptrap", "send-email", "send-syslog", "quarantine"} {
		k := m.kid(f)
		if k == nil || k.Text == "no" || (k.Text == "" && len(k.Kids) == 0) {
			continue
		}
		im.keep(m.path+"/"+f, "records are sent by HTTP only")
		im.warn(m.path+"/"+f, "what matches is not sent there", "add an HTTP server to the match list")
	}
	actions := m.sub("actions")
	for _, e := range actions.entries() {
		a := m.entry("actions", e)
		t := a.sub("type")
		if t.n.Kid("tagging") == nil {
			im.keep(a.path, "an integration of the vendor's")
			continue
		}
		g := t.sub("tagging")
		im.warn(g.path, "the action is kept, and no tag is set: tags come from the configuration alone", "")
		l.Tag = append(l.Tag, policy.TagAction{Name: a.name(), Action: g.text("action"), Target: g.text("target"),
			Timeout: g.number("timeout"), Tags: g.kid("tags").Members()})
		if r := g.kid("registration"); r != nil && r.Kid("localhost") == nil {
			im.keep(g.path+"/registration", "tags are registered here")
			im.warn(g.path+"/registration", "tags are not registered elsewhere", "")
		}
		g.rest()
		t.rest()
		a.rest()
	}
	actions.rest()
	return l
}

// entries are the children <entry>, all of them read.
func (x *fields) entries() []*Node {
	x.kid("entry")
	return x.n.Entries()
}
