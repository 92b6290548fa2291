package detect

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// filesConfig is the test configuration with files that rules may name.
func filesConfig(files map[string]string) *Config {
	cfg := testConfig()
	cfg.Datasets = NewDatasets()
	cfg.ReadFile = func(_, name string, _ bool) ([]byte, error) {
		text, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("open %s: %w", name, fs.ErrNotExist)
		}
		return []byte(text), nil
	}
	return cfg
}

// compileWith compiles text, every rule of which must be active.
func compileWith(t testing.TB, cfg *Config, text string) *Ruleset {
	t.Helper()
	f, errs := rule.ParseFile("test.rules", []byte(text))
	if len(errs) > 0 {
		t.Fatalf("parse: %v", errs)
	}
	rs, rep := Compile([]*rule.File{f}, cfg)
	for _, v := range rep.Verdicts {
		if v.State != Active {
			t.Fatalf("%s: %s", v.State, v)
		}
	}
	return rs
}

func fakeRules(bodies ...string) string {
	var b strings.Builder
	for i, body := range bodies {
		b.WriteString(ruleOf(i+1, "alert fake any any -> any any", body))
	}
	return b.String()
}

// request plays one transaction with the given line and host.
func (r *rig) request(line, host string) []uint32 {
	r.newFlow(packet.ProtoTCP)
	r.app(1)
	r.set(fakeLine, line)
	r.set(fakeHost, host)
	r.tx(0).Progress[toServer] = fakeComplete
	return r.send(toServer, "")
}

// TestDataset checks the commands and what a later transaction, or a later rule,
// sees of them.
func TestDataset(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	sum := md5.Sum([]byte("GET"))
	cfg := filesConfig(map[string]string{
		"hosts": b64([]byte("evil")) + "\n\n" + b64([]byte("worse")) + "\n",
		"rep":   b64([]byte("evil")) + ",90\n" + b64([]byte("worse")) + ",10\n",
		"md5":   fmt.Sprintf("%x\n", sum),
	})
	rs := compileWith(t, cfg, fakeRules(
		`fake.line; dataset:set,seen,type string`,
		`fake.line; dataset:isset,seen`,
		`fake.line; dataset:isnotset,seen`,
		`fake.host; dataset:isset,hosts,type string,load hosts`,
		`fake.host; dataset:isnotset,hosts`,
		`fake.host; datarep:rep,>,50,type string,load rep`,
		`fake.host; datarep:rep,==,10`,
		`fake.host; datarep:rep,<,20`,
		`fake.line; to_md5; dataset:isset,sums,type md5,load md5`,
		`fake.line; dataset:isset,sums`,
		`fake.line; dataset:isnotset,sums`,
		`fake.host; dataset:isset,rep`,
		`fake.host; content:"worse"; fake.line; dataset:unset,seen`,
	))
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.want(r.request("GET", "evil"), 1, 2, 4, 6, 9, 11, 12)
	r.want(r.request("GET", "good"), 2, 5, 9, 11)
	r.want(r.request("PUT", "worse"), 1, 2, 4, 7, 8, 11, 12, 13)
	r.want(r.request("PUT", ""), 1, 2, 11)
}

// TestDatasetOnce: what a rule adds while it waits for its other buffers is
// added once, and the rule still matches.
func TestDatasetOnce(t *testing.T) {
	rs := compileWith(t, filesConfig(nil), fakeRules(`fake.host; dataset:set,seen,type string; fake.body; pcre:"/end/"`))
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	for range 2 {
		r.newFlow(packet.ProtoTCP)
		r.app(1)
		r.set(fakeHost, "host")
		r.tx(0).Progress[toServer] = fakeHead
		r.want(r.send(toServer, ""))
		r.set(fakeBody, "the end")
		r.tx(0).Progress[toServer] = fakeComplete
		if got := r.send(toServer, ""); len(got) == 1 {
			rs = nil // the first time only
		} else if rs != nil {
			t.Errorf("got %v, want a match", got)
		}
	}
}

// TestDatasetRefused checks the complaints.
func TestDatasetRefused(t *testing.T) {
	files := map[string]string{"bad": "no base64!\n", "mixed": "YQ==\nYg==,5\n", "big": "YQ==,70000\n", "ip": "1.2.3.4.5\n", "good": "YQ==\n"}
	for _, c := range []struct{ body, want string }{
		{`dataset:isset,a,type string`, "no sticky buffer"},
		{`fake.host; dataset:maybe,a,type string`, "want isset"},
		{`fake.host; dataset:isset`, "want isset"},
		{`fake.host; dataset:isset,a`, "has no type"},
		{`fake.host; dataset:isset,a,type int`, "type: want"},
		{`fake.host; dataset:isset,a,type string,load none`, "open none"},
		{`fake.host; dataset:isset,a,type string,load bad`, "line 1: want base64"},
		{`fake.host; dataset:isset,a,type string,load mixed`, "line 2: some lines"},
		{`fake.host; datarep:a,>,1,type string,load big`, "line 1: want a number"},
		{`fake.host; dataset:isset,a,type ipv4,load ip`, "line 1: want an address"},
		{`fake.host; dataset:set,a,type string,save /etc/passwd`, "inside the data folder"},
		{`fake.host; dataset:set,a,type string,state ../x`, "inside the data folder"},
		{`fake.host; dataset:set,a,type string,state x,save y`, "state together"},
		{`fake.host; dataset:set,a,type string,memcap 10`, "memcap 10 is less"},
		{`fake.host; dataset:set,a,type string,memcap x`, "memcap: want"},
		{`fake.host; dataset:set,a,type string,hashsize 65537`, "hashsize: want"},
		{`fake.host; dataset:isset,a,type string,format json`, "not supported"},
		{`fake.host; dataset:isset,a,type string,color red`, "unknown option"},
		{`fake.host; dataset:isset,a,type string; dataset:isset,a,type md5`, "describes set a otherwise"},
		{`fake.host; dataset:isset,a,type string,load good; dataset:isset,a,load bad`, "describes set a otherwise"},
		{`fake.host; datarep:a,>`, "want name, operator, value"},
		{`fake.host; datarep:a,>=,5,type string`, "want <, > or =="},
		{`fake.host; datarep:a,>,65536,type string`, "want a number"},
	} {
		f, errs := rule.ParseFile("test.rules", []byte(fakeRules(c.body)))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		_, rep := Compile([]*rule.File{f}, filesConfig(files))
		if v := rep.Verdicts[0]; v.State != Refused || !strings.Contains(v.Reason, c.want) {
			t.Errorf("%s: %s %q, want %q", c.body, v.State, v.Reason, c.want)
		}
	}
}

// TestDatasetReload: what rules added outlives a reload, a list that has changed
// is read again, and a set that no rule names any more is forgotten.
func TestDatasetReload(t *testing.T) {
	files := map[string]string{"hosts": "ZXZpbA==\n"}
	cfg := filesConfig(files)
	text := fakeRules(`fake.line; dataset:set,seen,type string,state s`, `fake.host; dataset:isset,hosts,type string,load hosts`)
	rs := compileWith(t, cfg, text)
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.want(r.request("GET", "evil"), 1, 2)
	files["hosts"] = "bmV3\n"
	next := compileWith(t, cfg, text)
	cfg.Datasets.Retain()
	if next.Version() == rs.Version() {
		t.Error("another list, the same version")
	}
	r.e.Swap(next)
	r.want(r.request("GET", "evil"))
	r.want(r.request("PUT", "new"), 1, 2)
	kept := map[string]string{}
	err := cfg.Datasets.Save(func(name string, text []byte) error { kept[name] = string(text); return nil })
	if want := "R0VU\nUFVU\n"; err != nil || len(kept) != 1 || kept["s"] != want {
		t.Errorf("saved %q, %v, want s: %q", kept, err, want)
	}
	compileWith(t, cfg, fakeRules(`fake.host; dataset:isset,hosts,type string,load hosts`))
	cfg.Datasets.Retain()
	if n := len(cfg.Datasets.sets); n != 1 {
		t.Errorf("%d sets, want 1", n)
	}
}

// TestDatasetState: a state is read at the start; addresses and numbers are kept
// as they were.
func TestDatasetState(t *testing.T) {
	cfg := filesConfig(map[string]string{"ips": "2001:db8::1\n::ffff:10.0.0.1\n8.8.8.8\n", "reps": "YQ==,7\n"})
	rs := compileWith(t, cfg, ruleOf(1, "alert ip any any -> any any", `ip.src; dataset:set,ips,type ip,state ips`)+
		ruleOf(2, "alert ip any any -> any any", `ip.dst; dataset:isset,ips`)+
		ruleOf(3, "alert fake any any -> any any", `fake.host; datarep:r,>,1,type string,state reps`))
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.newFlow(packet.ProtoUDP)
	r.want(r.send(toServer, ""), 2)
	r.f.Client = addr(10, 0, 0, 9)
	r.want(r.send(toServer, ""), 1, 2)
	kept := map[string]string{}
	if err := cfg.Datasets.Save(func(name string, text []byte) error { kept[name] = string(text); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := "10.0.0.1\n10.0.0.9\n2001:db8::1\n8.8.8.8\n"; kept["ips"] != want || kept["reps"] != "YQ==,7\n" {
		t.Errorf("saved %q", kept)
	}
}

// TestDatasetBound: a full set refuses, counts, and makes room again.
func TestDatasetBound(t *testing.T) {
	rs := compileWith(t, filesConfig(nil), fakeRules(
		`fake.host; content:"out"; fake.line; dataset:unset,s,type string,memcap 100,hashsize 1`,
		`fake.host; content:"in"; fake.line; dataset:set,s`))
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	r.want(r.request("a", "in"), 2)
	r.want(r.request("b", "in"))
	if r.e.Counters.SetFull != 1 {
		t.Errorf("counted %d, want 1", r.e.Counters.SetFull)
	}
	r.want(r.request("a", "out"), 1)
	r.want(r.request("b", "in"), 2)
}

// TestDatasetAlloc: looking up allocates nothing.
func TestDatasetAlloc(t *testing.T) {
	s := newDataset(&setDef{typ: setString, memcap: 1 << 20})
	s.add([]byte("here"), 0)
	here, gone := []byte("here"), []byte("gone")
	if n := testing.AllocsPerRun(100, func() {
		s.lookup(here)
		s.lookup(gone)
		s.add(here, 0)
		s.remove(gone)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
