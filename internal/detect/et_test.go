package detect

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// TestLoadRuleset compiles a large rule set named by RULES and reports what
// became of it.
func TestLoadRuleset(t *testing.T) {
	path := os.Getenv("RULES")
	if path == "" {
		t.Skip("RULES names no rules file")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	f, errs := rule.ParseFile(path, text)
	parsed := time.Since(start)
	if len(errs) > 0 {
		t.Errorf("%d rules not parsed, first: %v", len(errs), errs[0])
	}
	cfg := &Config{Registry: proto.NewRegistry(all.Protocols())}
	start = time.Now()
	rs, rep := Compile([]*rule.File{f}, cfg)
	took := time.Since(start)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("parse %v, compile %v, heap %d MiB; %d rules, %d active, %d inactive, %d refused",
		parsed, took, m.HeapAlloc>>20, rep.Rules, rep.Active, rep.Inactive, rep.Refused)
	why := map[string]int{}
	for _, v := range rep.Verdicts {
		if v.State != Active {
			why[v.State.String()+": "+v.Reason]++
		}
	}
	var lines []string
	for k, n := range why {
		lines = append(lines, fmt.Sprintf("%6d %s", n, k))
	}
	sort.Sort(sort.Reverse(sort.StringSlice(lines)))
	for _, l := range lines[:min(len(lines), 60)] {
		t.Log(l)
	}
	if os.Getenv("REFUSED") != "" {
		seen := map[string]bool{}
		for _, v := range rep.Verdicts {
			if v.State == Refused && !seen[v.Reason] {
				seen[v.Reason] = true
				t.Log(v, v.Rule.Text)
			}
		}
	}
	runtime.KeepAlive(rs)
	runtime.KeepAlive(f)
}
