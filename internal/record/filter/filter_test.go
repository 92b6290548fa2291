package filter

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

func entry() *record.Entry {
	return &record.Entry{
		Log: "threat", Event: "alert", Time: time.Date(2026, 6, 25, 10, 0, 0, 0, time.UTC),
		Src: netip.MustParseAddr("10.10.10.2"), Dst: netip.MustParseAddr("2.2.2.2"),
		SrcPort: 40000, DstPort: 443, Proto: "tcp", App: "ssl", Severity: record.High,
		ThreatID: 4711, ThreatName: "Log4Shell attempt", URL: "/shop?q=${jndi:ldap", Rule: "inbound appgw",
		Flags: []string{"one_sided", "gap"}, BytesSent: 100, BytesReceived: 50,
	}
}

func TestMatch(t *testing.T) {
	now := time.Date(2026, 6, 25, 10, 0, 30, 0, time.UTC)
	for _, tt := range []struct {
		filter string
		want   bool
	}{
		{"", true},
		{"(addr.src in 10.10.10.2/30) and (addr.dst in 2.2.2.2)", true},
		{"( src in 10.10.10.0/24 )", true},
		{"(addr in 1.1.1.1)", false},
		{"(addr in 2.2.2.2)", true},
		{"!(addr in 1.1.1.1)", true},
		{"not (addr in 2.2.2.2)", false},
		{"( severity geq high )", true},
		{"( severity geq critical )", false},
		{"( severity lt critical )", true},
		{"( app eq 'ssl' )", true},
		{"( app neq SSL )", false},
		{"!( rule eq 'inbound appgw' ) and (receive_time in last-hour)", false},
		{"( rule eq 'inbound appgw' ) and (receive_time in last-hour)", true},
		{"(dport eq 443)", true},
		{"( port.dst eq 443 )", true},
		{"( port eq 443 )", true},
		{"( port neq 443 )", false},
		{"( action neq allow ) and ( action neq alert )", true},
		{"receive_time in last-60-seconds", true},
		{"receive_time in last-15-seconds", false},
		{"( receive_time geq '2026/06/25 10:00:00' )", true},
		{"( receive_time gt '2026/06/25 10:00:00' )", false},
		{"receive_time in last-calendar-day", false},
		{"name-of-threatid contains log4shell", true},
		{"threatid eq 4711", true},
		{"url contains jndi", true},
		{"url startswith /shop", true},
		{`url matches "jndi:(ldap|rmi)"`, true},
		{"flags has gap", true},
		{"flags has pcap", false},
		{"bytes geq 150", true},
		{"app in 'web-browsing,ssl'", true},
		{"receive_time in last-100-hrs", true},
		{"receive_time in last-106000-days", true},
		{"addr.src eq ::ffff:10.10.10.2", true},
		{"addr.src neq ::ffff:10.10.10.2", false},
		// and binds tighter than or.
		{"app eq ssl or app eq dns and severity eq low", true},
		{"(app eq ssl or app eq dns) and severity eq low", false},
	} {
		f, err := Parse(tt.filter)
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		if got := f.Match(entry(), now); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.filter, got, tt.want)
		}
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		filter string
		column int
		text   string
	}{
		{"( sverity geq high )", 3, "did you mean severity?"},
		{"( severity geq hgh )", 16, "want informational"},
		{"( severity has high )", 12, "takes eq, neq, geq"},
		{"( app eq 'ssl )", 10, "unclosed quote"},
		{"( app eq ssl", 13, "column 1 is open"},
		{"app eq ssl app eq dns", 12, "join the next test"},
		{"addr in 10.0.0.0/99", 9, "want an address"},
		{"port eq http", 9, "want a number"},
		{"and", 1, "unknown field"},
		{strings.Repeat("(", 100), 66, "brackets"},
		{"url matches '('", 13, "regular expression"},
		{"url matches '" + strings.Repeat("a", maxRegexp+1) + "'", 13, "want at most"},
		{"receive_time in last-1000000-months", 17, "want last-N"},
		{"receive_time in last-107000-days", 17, "want last-N"},
		{"receive_time in last-1000001-seconds", 17, "want last-N"},
		{strings.Repeat("not ", 100) + "app eq ssl", 261, "nots"},
		{strings.Repeat("app eq a or ", maxTerms) + "app eq a", 12*maxTerms + 1, "tests"},
		{strings.Repeat("x", maxText+1), 1, "want at most"},
	} {
		_, err := Parse(tt.filter)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v, want an *Error", tt.filter, err)
			continue
		}
		if e.Offset+1 != tt.column || !strings.Contains(e.Detail(), tt.text) {
			t.Errorf("%s: column %d, want %d with %q in:\n%s", tt.filter, e.Offset+1, tt.column, tt.text, e.Detail())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"( severity geq high ) and !(addr in 10.0.0.0/8)", "app eq 'x' or not port eq 1", "receive_time in last-7-calendar-days"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		x, err := Parse(s)
		if (x == nil) != (err != nil) {
			t.Fatalf("filter %v, error %v", x, err)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Detail() == "" {
				t.Fatalf("error of another type: %v", err)
			}
			return
		}
		x.Match(entry(), time.Now())
		x.Warnings()
		x.Span(time.Now())
		x.Needles()
		for _, d := range []Dialect{DuckDB, ClickHouse} {
			if where, args := x.SQL(d, "threat", time.Now()); strings.Count(where, "?") != len(args) {
				t.Fatalf("%s takes %d parameters, has %d", where, strings.Count(where, "?"), len(args))
			}
		}
		Complete(s)
	})
}

// TestNames: a field is known by its name, its aliases and PAN-OS's name, and
// no name means two fields.
func TestNames(t *testing.T) {
	owner := map[string]string{}
	for _, f := range record.Fields() {
		value := map[record.FieldKind]string{
			record.KindNumber: "1", record.KindAddr: "10.0.0.1", record.KindSeverity: "high", record.KindTime: "2026/01/01",
		}[f.Kind]
		if value == "" {
			value = "x"
		}
		op := Operators(f.Kind)[1]
		for _, name := range append([]string{f.Name, f.PAN}, f.Aliases...) {
			if name == "" {
				continue
			}
			if o := owner[name]; o != "" && o != f.Name {
				t.Errorf("%s names %s and %s", name, o, f.Name)
			}
			owner[name] = f.Name
			if _, err := Parse(name + " " + op + " " + value); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := Parse(strings.ToUpper(name) + " " + strings.ToUpper(op) + " '" + value + "'"); err != nil {
				t.Errorf("%s in capitals: %v", name, err)
			}
		}
	}
}
