package filter

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

func mustParse(t *testing.T, text string) *Filter {
	t.Helper()
	f, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestSQL: values are bound, never written; what a log can't say is folded.
func TestSQL(t *testing.T) {
	now := time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		filter, log, where string
		args               []any
	}{
		{"", "traffic", "TRUE", nil},
		{"app eq 'x'' or 1=1", "", "", nil},
		{`app eq "x' or '1'='1"`, "traffic", `lower("app") = ?`, []any{"x' or '1'='1"}},
		{"url contains '%_\\'", "url", `contains(lower("misc"), ?)`, []any{`%_\`}},
		{"( port eq 443 )", "traffic", `("port_src" = ? OR "port_dst" = ?)`, []any{uint64(443), uint64(443)}},
		{"( port neq 443 )", "traffic", `NOT (("port_src" = ? OR "port_dst" = ?))`, []any{uint64(443), uint64(443)}},
		{"threatid eq 1 and app eq ssl", "traffic", "FALSE", nil},
		{"not threatid eq 1 and app eq ssl", "traffic", `lower("app") = ?`, []any{"ssl"}},
		{"type eq threat and app eq ssl", "threat", `lower("app") = ?`, []any{"ssl"}},
		{"type eq threat and app eq ssl", "dns", "FALSE", nil},
		{"user.src eq jdoe", "traffic", "FALSE", nil},
		{"user.src neq jdoe", "traffic", "TRUE", nil},
		{"flags has gap", "dns", `contains(lower("flags"), ?)`, []any{"\x1fgap\x1f"}},
		{"severity geq high", "threat", `"severity" >= ?`, []any{uint8(3)}},
		{"hostname matches '^a.b'", "tls", `regexp_matches("hostname", ?)`, []any{`(?-s:\Aa.b)`}},
		{"addr.src in 10.0.0.0/31", "tls", `"addr_src" BETWEEN ? AND ?`, []any{
			[]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x00"), []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x0a\x00\x00\x01")}},
	} {
		f, err := Parse(tt.filter)
		if tt.log == "" {
			if err == nil {
				t.Errorf("%s parses", tt.filter)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		where, args := f.SQL(DuckDB, tt.log, now)
		if where != tt.where || fmt.Sprint(args) != fmt.Sprint(tt.args) {
			t.Errorf("%s on %s:\n got %s %q\nwant %s %q", tt.filter, tt.log, where, args, tt.where, tt.args)
		}
		if strings.Count(where, "?") != len(args) {
			t.Errorf("%s: %d parameters for %s", tt.filter, len(args), where)
		}
	}
}

func TestSpan(t *testing.T) {
	now := time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct{ filter, from, to string }{
		{"app eq ssl", "", ""},
		{"receive_time in last-hour and app eq ssl", "2026-06-25T09:00:00Z", "2026-06-25T10:00:00.000001Z"},
		{"receive_time geq 2026/06/01 and receive_time lt 2026/06/02", "2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z"},
		{"receive_time geq 2026/06/01 or app eq ssl", "", ""},
		{"receive_time eq 2026/06/01 or receive_time eq 2026/06/03", "2026-06-01T00:00:00Z", "2026-06-03T00:00:00.000001Z"},
		{"not receive_time geq 2026/06/01", "", ""},
	} {
		from, to := mustParse(t, tt.filter).Span(now)
		text := func(x time.Time) string {
			if x.IsZero() {
				return ""
			}
			return x.Format(time.RFC3339Nano)
		}
		if text(from) != tt.from || text(to) != tt.to {
			t.Errorf("%s: %s to %s, want %s to %s", tt.filter, text(from), text(to), tt.from, tt.to)
		}
	}
}

func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		filter string
		want   []string
	}{
		{"app eq ssl and port.dst eq 443", nil},
		{"app eq ssl or app eq dns", nil},
		{"not app eq ssl and app eq dns", nil},
		{"flags has gap and flags has dup", nil},
		{"(hostname eq a) and (hostname eq b)", []string{"never matches: the tests of hostname that are joined with and exclude each other"}},
		{"app in 'a,b' and (app in 'b,c' and app in 'c,d')", []string{"never matches: the tests of app that are joined with and exclude each other"}},
		{"port.dst gt 5 and port.dst lt 6", []string{"never matches: the tests of port.dst that are joined with and exclude each other"}},
		{"severity geq high and severity lt high", []string{"never matches: the tests of severity that are joined with and exclude each other"}},
		{"user.src eq x", []string{"no record says user.src: it reads as absent"}},
	} {
		if got := mustParse(t, tt.filter).Warnings(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.filter, got, tt.want)
		}
	}
}

func TestNeedles(t *testing.T) {
	for _, tt := range []struct {
		filter string
		want   string
	}{
		{"app eq SSL and hostname eq A.example", `[[{app ssl}] [{hostname a.example}]]`},
		{"sessionid eq 7 or community_id eq X", `[[{sessionid 7} {community_id x}]]`},
		{"sessionid eq 7 or app contains x", `[]`},
		{"not sessionid eq 7", `[]`},
		{"addr in 10.0.0.0/8", `[]`},
		{"port eq 1", `[[{port.src 1} {port.dst 1}]]`},
	} {
		if got := fmt.Sprint(mustParse(t, tt.filter).Needles()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.filter, got, tt.want)
		}
	}
}

func TestComplete(t *testing.T) {
	for _, tt := range []struct {
		text, want, field string
		from              int
		options           string
	}{
		{"( sev", "field", "", 2, "[severity]"},
		{"( severity ", "operator", "severity", 11, "[eq geq gt leq lt neq]"},
		{"( severity ge", "operator", "severity", 11, "[geq]"},
		{"( severity geq h", "value", "severity", 15, "[high]"},
		{"( severity geq high ) a", "join", "", 22, "[and]"},
		{"( severity geq high ) and not ( session_e", "field", "", 32, "[session_end_reason]"},
		{"app eq 'web b", "value", "app", 7, "[]"},
		{"app eq 'web' ", "join", "", 13, "[and or]"},
		{"nosuch ", "operator", "", 7, "[]"},
	} {
		c := Complete(tt.text)
		if c.Want != tt.want || c.Field != tt.field || c.From != tt.from || fmt.Sprint(c.Options) != tt.options {
			t.Errorf("%q: %+v, want %+v", tt.text, c, tt)
		}
	}
}

// TestPANOS: what people have in their bookmarks and match lists parses.
func TestPANOS(t *testing.T) {
	for _, text := range []string{
		"(addr in 1.1.1.1)", "!(addr in 1.1.1.1)", "( user.src eq 'jdoe@corp.example' )", "(category eq malware) or (category eq phishing)",
		"(verdict neq benign)", `( dstloc eq "IN" )`, "(app eq smtp) and (category neq benign)", "( zone.src eq untrust ) and ( from neq dmz )",
		"( zone eq dmz )", "( natsrc in 10.0.0.0/8 )", "( seqno gt 7 )", "( receive_time in last-7-calendar-days )", "( flags has nat )",
		"( category-of-threatid eq dns ) and ( direction eq client-to-server )", "( eventid eq auth-fail ) and ( opaque contains admin )",
		"( admin eq root ) and ( cmd eq commit ) and ( result neq Succeeded )", "( tunnel_insp_rule eq x ) or ( max_encap gt 0 )", "( port.dst in '80,443' )",
	} {
		mustParse(t, text)
	}
}
