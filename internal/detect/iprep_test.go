package detect

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// reputationConfig has lists of three categories; the client of a rig is
// 10.0.0.1, the server 8.8.8.8.
func reputationConfig(t testing.TB, list string) *Config {
	t.Helper()
	r, err := NewReputation([]byte("# numbers and names\n1,Bad,known bad\n2,CnC,command\n3,Third,x\n"))
	if err != nil {
		t.Fatal(err)
	}
	r.Add("bad.list", []byte(list))
	cfg := testConfig()
	cfg.Reputation = func() (*Reputation, error) { return r, nil }
	return cfg
}

// TestIPRep checks sides, operators, and which list counts.
func TestIPRep(t *testing.T) {
	const list = "10.0.0.1,1,50\n10.0.0.0/8,1,20\n10.0.0.0/8,2,90\n8.0.0.0/8,1,10 # wide\n8.8.8.0/24,1,100\n2001:db8::/32,3,5\n"
	for _, c := range []struct {
		rep            string
		client, server bool // of packets from there
	}{
		{"src,Bad,>,30", true, true},
		{"src,Bad,>,60", false, true},
		{"dst,Bad,=,100", true, false},
		{"src,Bad,<=,50", true, false},
		{"src,Bad,!=,50", false, true},
		{"any,Bad,>=,100", true, true},
		{"both,Bad,>,40", true, true},
		{"both,Bad,>,60", false, false},
		{"src,CnC,>,10", false, false}, // the address itself is listed
		{"src,CnC,<,10", true, false},
		{"src,CnC,isset", true, false},
		{"src,CnC,isnotset", true, true}, // 0 is as good as nothing
		{"any,CnC,isnotset", true, true},
		{"both,CnC,isnotset", false, false},
		{"src,Third,isset", true, false},
		{"dst,Third,isset", false, true},
	} {
		rs := compileWith(t, reputationConfig(t, list), ruleOf(1, "alert ip any any -> any any", "iprep:"+c.rep))
		if k := rs.Signatures()[0].kind; k != kindIP {
			t.Errorf("%s: kind %d, want one on addresses alone", c.rep, k)
		}
		for d, want := range [2]bool{c.client, c.server} {
			r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
			r.newFlow(packet.ProtoTCP)
			if got := r.send(Dir(d), "x"); (len(got) == 1) != want {
				t.Errorf("%s, direction %d: %v, want %t", c.rep, d, got, want)
			}
		}
	}
}

// TestIPRepRefused checks the complaints, and that wrong lines cost no others.
func TestIPRepRefused(t *testing.T) {
	for _, c := range []struct{ body, want string }{
		{"iprep:src,Bad", "want side"},
		{"iprep:either,Bad,>,5", "want any, src"},
		{"iprep:src,Nope,>,5", `unknown category "Nope"`},
		{"iprep:src,Bad,5", "want an operator"},
		{"iprep:src,Bad,~,5", "want an operator"},
		{"iprep:src,Bad,>,x", "want an operator"},
	} {
		f, _ := rule.ParseFile("test.rules", []byte(ruleOf(1, "alert ip any any -> any any", c.body)))
		_, rep := Compile([]*rule.File{f}, reputationConfig(t, ""))
		if v := rep.Verdicts[0]; v.State != Refused || !strings.Contains(v.Reason, c.want) {
			t.Errorf("%s: %s %q, want %q", c.body, v.State, v.Reason, c.want)
		}
	}
	_, rep := compileText(t, ruleOf(1, "alert ip any any -> any any", "iprep:src,Bad,>,5"))
	if v := rep.Verdicts[0]; v.State != Refused || v.Reason != "iprep: no reputation lists" {
		t.Errorf("without lists: %s %q", v.State, v.Reason)
	}
	cfg := reputationConfig(t, "10.0.0.1,1,5\n300.1.1.1,1,5\n1.1.1.1,99,5\n1.1.1.1,1,200\n1.1.1.1,1\n")
	f, _ := rule.ParseFile("test.rules", []byte(ruleOf(1, "alert ip any any -> any any", "iprep:src,Bad,>,4")))
	_, rep = Compile([]*rule.File{f}, cfg)
	if rep.Active != 1 || len(rep.Warnings) != 1 || !strings.Contains(rep.Warnings[0].Reason, "4 lines of the lists are left out, first bad.list:2:") {
		t.Errorf("%d active, warnings %v", rep.Active, rep.Warnings)
	}
	if _, err := NewReputation([]byte("1,Bad\n77,Far\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("categories: %v", err)
	}
}
