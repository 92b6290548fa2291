package panos

import (
	"maps"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

func (e *encoder) logSettings(shared bool) *elem {
	s := el("log-settings",
		section(e, shared, "http", e.doc.HTTPServers, func(h *policy.HTTPServer) string { return h.Name }, httpServer))
	var profiles []policy.LogForwards
	logs := map[string]*elem{}
	for _, l := range e.doc.LogForwarding {
		if l.Name != deviceLogs {
			profiles = append(profiles, l)
			continue
		}
		for i := range l.Match {
			log := l.Match[i].Log
			if logs[log] == nil {
				logs[log] = el("match-list")
			}
			logs[log].add(logMatch(&l.Match[i], false))
		}
	}
	s.add(section(e, shared, "profiles", profiles, func(l *policy.LogForwards) string { return l.Name }, func(l *policy.LogForwards) *elem {
		list := el("match-list")
		for i := range l.Match {
			list.add(logMatch(&l.Match[i], true))
		}
		return entry(l.Name, list.some())
	}))
	if shared {
		for _, log := range slices.Sorted(maps.Keys(logs)) {
			if xmlName(log) {
				s.add(el(log, logs[log]))
			}
		}
	}
	return s.some()
}

// xmlName says whether a text of the document can be an element's name.
func xmlName(s string) bool {
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r != '-' && r != '_' && (r < '0' || r > '9')) {
			return false
		}
	}
	return s != ""
}

func httpServer(h *policy.HTTPServer) *elem {
	servers, formats := el("server"), el("format")
	for _, t := range h.Servers {
		servers.add(entry(t.Name, text("address", t.Address), text("protocol", t.Protocol), number("port", t.Port),
			text("http-method", t.Method), text("username", t.Username)))
	}
	for _, log := range slices.Sorted(maps.Keys(h.Formats)) {
		f := h.Formats[log]
		if xmlName(log) {
			formats.add(el(log, text("name", f.Name), text("url-format", f.URL), values("headers", f.Headers), values("params", f.Params), text("payload", f.Payload)))
		}
	}
	return entry(h.Name, servers.some(), formats.some())
}

func logMatch(m *policy.LogMatch, typed bool) *elem {
	x := entry(m.Name, text("action-desc", m.Description))
	if typed {
		x.add(text("log-type", m.Log))
	}
	x.add(text("filter", m.Filter), members("send-http", m.HTTP))
	actions := el("actions")
	for _, t := range m.Tag {
		actions.add(entry(t.Name, el("type", el("tagging", text("target", t.Target), text("action", t.Action), number("timeout", t.Timeout),
			el("registration", el("localhost")), members("tags", t.Tags)))))
	}
	return x.add(actions.some())
}
