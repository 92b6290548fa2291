package rules_test

import (
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
	"github.com/mirrorwall/mirrorwall/rules"
)

// updating is the flag -update: rewrite the table of docs/rules/README.md.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "rewrite docs/rules/README.md")
	flag.Parse()
	os.Exit(m.Run())
}

// bundle is the compiled bundled set.
type bundle struct {
	cfg  *sensor.Config
	sigs map[uint32]*detect.Signature
	// options are those of each rule, which compiling takes away.
	options map[uint32][]rule.Option
}

const smallest = `
- name: web-browsing
  description: HTTP requests.
  category: general-internet
  subcategory: internet-utility
  technology: browser-based
  risk: 4
  match:
    decoders: [http]
`

func load(t testing.TB) *bundle {
	t.Helper()
	// Rules need no catalogue of applications: the smallest will do.
	cfg, err := sensor.DefaultConfig(fstest.MapFS{"web.yaml": {Data: []byte(smallest)}})
	if err != nil {
		t.Fatal(err)
	}
	cfg.RethrowPanics = true
	names, err := fs.Glob(rules.FS, "*.rules")
	if err != nil || len(names) == 0 {
		t.Fatalf("%d rule files, %v", len(names), err)
	}
	b := &bundle{cfg: cfg, sigs: map[uint32]*detect.Signature{}, options: map[uint32][]rule.Option{}}
	var files []*rule.File
	for _, n := range names {
		text, err := fs.ReadFile(rules.FS, n)
		if err != nil {
			t.Fatal(err)
		}
		f, errs := rule.ParseFile(n, text)
		for _, e := range errs {
			t.Error(e)
		}
		for _, r := range f.Rules {
			b.options[r.SID] = r.Options()
		}
		files = append(files, f)
	}
	rs, rep := detect.Compile(files, cfg.DetectConfig(detect.DefaultVars()))
	for _, v := range slices.Concat(rep.Verdicts, rep.Warnings) {
		if v.State != detect.Active || v.Reason != "" {
			t.Errorf("%s: sid %d: %s: %s", v.Pos, v.SID, v.State, v.Reason)
		}
	}
	for _, s := range rs.Signatures() {
		b.sigs[s.SID] = s
	}
	cfg.Rules = rs
	return b
}

// alerts observes a worker.
type alerts map[uint32]int

func (a alerts) Alert(_ *record.Common, i *record.AlertInfo, _ *flow.Flow) { a[i.SID]++ }
func (alerts) FlowEnd(*record.Common, *flow.Flow)                          {}

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }

// inspect runs frames through a fresh worker.
func (b *bundle) inspect(t testing.TB, frames []traffic.Frame) alerts {
	t.Helper()
	cfg := *b.cfg
	cfg.Shared = detect.NewShared()
	got := alerts{}
	w := sensor.NewWorker(&cfg, discard{}, got)
	for _, f := range frames {
		w.Frame(&capture.Frame{Data: f.Data, WireLen: len(f.Data), Time: f.Time, Link: packet.LinkEthernet})
	}
	if err := w.Finish(); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestScripts plays every script: a hit must fire its signature and nothing
// that it does not name, a miss must leave its signature silent.
func TestScripts(t *testing.T) {
	b := load(t)
	seen := map[uint32]map[bool]bool{}
	for _, s := range loadScripts(t) {
		if seen[s.sid] == nil {
			seen[s.sid] = map[bool]bool{}
		}
		seen[s.sid][s.hit] = true
		frames, err := play(&s)
		if err != nil {
			t.Error(err)
			continue
		}
		got := b.inspect(t, frames)
		if (got[s.sid] > 0) != s.hit {
			t.Errorf("%s: %d alerts of %d", s.pos(), got[s.sid], s.sid)
		}
		for _, sid := range slices.Sorted(maps.Keys(got)) {
			if sid != s.sid && !slices.Contains(s.also, sid) {
				t.Errorf("%s: %d fires as well: %s", s.pos(), sid, b.sigs[sid].Msg)
			}
		}
	}
	for sid, sig := range b.sigs {
		if !sig.NoAlert && (!seen[sid][true] || !seen[sid][false]) {
			t.Errorf("sid %d: want a hit and a miss in testdata", sid)
		}
	}
	for sid := range seen {
		if b.sigs[sid] == nil {
			t.Errorf("testdata: no signature %d", sid)
		}
	}
}

// TestScenarios holds the demonstration to its word: no alarm about benign
// traffic, and a serious one about each attack.
func TestScenarios(t *testing.T) {
	b := load(t)
	start := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, s := range traffic.Scenarios() {
		got := alerts{}
		for seed := range uint64(3) {
			maps.Copy(got, b.inspect(t, s.Frames(seed, start)))
		}
		worst := ""
		for _, sid := range slices.Sorted(maps.Keys(got)) {
			sig := b.sigs[sid]
			if s.Kind == traffic.Benign && severity(sig) != "Informational" {
				t.Errorf("%s: %d %s", s.Name, sid, sig.Msg)
			}
			if worst == "" || rank(severity(sig)) < rank(worst) {
				worst = severity(sig)
			}
		}
		want := "Major"
		if s.Name == "ssh-brute-force" || s.Name == "port-scan" {
			want = "Minor"
		}
		if s.Kind == traffic.Attack && (worst == "" || rank(worst) > rank(want)) {
			t.Errorf("%s: want an alert of severity %s, got %v", s.Name, want, got)
		}
	}
}

func meta(s *detect.Signature, key string) string {
	for _, kv := range s.Metadata {
		if kv[0] == key {
			return kv[1]
		}
	}
	return ""
}

func severity(s *detect.Signature) string { return meta(s, "signature_severity") }

func rank(severity string) int {
	return slices.Index([]string{"Critical", "Major", "Minor", "Informational"}, severity)
}

// TestSignatures holds every signature to the manners of this folder.
func TestSignatures(t *testing.T) {
	tactic, technique := regexp.MustCompile(`^TA\d{4}$`), regexp.MustCompile(`^T\d{4}(_\d{3})?$`)
	date := regexp.MustCompile(`^20\d\d_\d\d_\d\d$`)
	// The urgency of a class must not contradict the severity.
	priorities := map[string][]int{"Critical": {1}, "Major": {1, 2}, "Minor": {2, 3}, "Informational": {3}}
	b := load(t)
	if len(b.sigs) < 80 {
		t.Errorf("%d signatures, want 80 or more", len(b.sigs))
	}
	for sid, s := range b.sigs {
		var bad []string
		complain := func(cond bool, text string) {
			if cond {
				bad = append(bad, text)
			}
		}
		complain(sid < 9000001 || sid > 9000999, "sid outside 9000001 to 9000999")
		complain(s.Rev == 0, "no rev")
		complain(!strings.HasPrefix(s.Msg, "Mirrorwall "), "msg does not begin with Mirrorwall")
		complain(len(s.References) == 0, "no reference")
		complain(s.Category == "", "no known classtype")
		complain(!slices.Contains(priorities[severity(s)], s.Priority),
			fmt.Sprintf("severity %q with priority %d", severity(s), s.Priority))
		complain(!tactic.MatchString(meta(s, "mitre_tactic_id")), "mitre_tactic_id")
		complain(!technique.MatchString(meta(s, "mitre_technique_id")), "mitre_technique_id")
		complain(!date.MatchString(meta(s, "created_at")), "created_at")
		complain(!s.NoAlert && !hasPattern(b.options[sid]), "no fast_pattern of 4 bytes, and no threshold")
		for _, c := range bad {
			t.Errorf("%s: sid %d: %s", s.Rule.Pos, sid, c)
		}
	}
}

// hasPattern says whether a signature is cheap on traffic that it does not
// match: it marks a literal of four bytes or more, or it counts, and has a
// short way to its counter.
func hasPattern(options []rule.Option) bool {
	long := false
	for _, o := range options {
		switch o.Name {
		case "content":
			long = literalLen(rule.Unquote(o.Value)) >= 4
		case "fast_pattern":
			if long {
				return true
			}
		case "threshold", "detection_filter":
			return true
		}
	}
	return false
}

// literalLen counts the bytes of a content, in which |0d 0a| are two.
func literalLen(content string) (n int) {
	for i, part := range strings.Split(content, "|") {
		if i%2 == 1 {
			n += len(strings.Fields(part))
		} else {
			n += len(part)
		}
	}
	return n
}

const readme = "../docs/rules/README.md"

// TestTable keeps the table of the documentation in step with the files.
func TestTable(t *testing.T) {
	b := load(t)
	var table strings.Builder
	table.WriteString("| sid | Signature | Severity | Technique |\n|---|---|---|---|\n")
	for _, sid := range slices.Sorted(maps.Keys(b.sigs)) {
		s := b.sigs[sid]
		if s.NoAlert {
			continue
		}
		tech := meta(s, "mitre_technique_id")
		fmt.Fprintf(&table, "| %d | %s | %s | [%s](https://attack.mitre.org/techniques/%s/) |\n", sid,
			strings.TrimPrefix(s.Msg, "Mirrorwall "), severity(s), tech, strings.ReplaceAll(tech, "_", "/"))
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- table: go test ./rules -update -->\n", "<!-- end of table -->"
	before, rest, ok := strings.Cut(string(text), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s: no marks of the table", readme)
	}
	if updating() {
		if err := os.WriteFile(readme, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table.String(), old); diff != "" {
		t.Errorf("%s is stale, run go test ./rules -update (-want +got):\n%s", readme, diff)
	}
}

// TestNoEICAR keeps the test file of EICAR out of the repository: scanners
// would quarantine it.
func TestNoEICAR(t *testing.T) {
	whole := "EICAR-STANDARD-" + "ANTIVIRUS-TEST-FILE"
	for _, dir := range []string{".", "testdata"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			b, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), whole) {
				t.Errorf("%s/%s has the whole string", dir, e.Name())
			}
		}
	}
}
