package cli

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// TestFollowTags: tags that the console registers are in the policy's dynamic
// groups at once, and the counts of its rules go on.
func TestFollowTags(t *testing.T) {
	dir := t.TempDir()
	text := fmt.Sprintf(`version: 1
state: %s
sensor: {listen: ["127.0.0.1:0"], workers: 1}
rules: {bundled: false}
eve: {path: ""}
health: {address: ""}
console: {listen: ""}
policy:
  address_groups: [{name: bad ones, filter: "'quarantine'"}]
  rules:
    - {name: isolated, source: [bad ones], action: deny}
    - {name: rest, action: allow}
`, filepath.Join(dir, "state"))
	cfg, err := config.Parse("mirrorwall.yaml", []byte(text), checkConfig)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	a := &app{out: &log, err: &log}
	s, err := a.newService(cfg, slog.New(slog.NewTextHandler(&log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	f := &follower{app: a, s: s}
	before := s.sensor.PolicyHits()
	first := s.sensorCfg.Policy
	f.lookTags()
	if s.sensorCfg.Policy != first {
		t.Error("nothing was registered, and the policy was compiled again")
	}
	if err := writeJSON(generationFile(cfg, "tags.json"), map[string][]string{"10.0.0.9": {"quarantine"}, "nonsense": {"x"}}); err != nil {
		t.Fatal(err)
	}
	f.lookTags()
	second := s.sensorCfg.Policy
	if second == first || len(s.tags) != 1 || !strings.Contains(log.String(), "addresses=1") {
		t.Fatalf("%v\n%s", s.tags, &log)
	}
	for p, want := range map[*policy.Policy]string{first: "rest", second: "isolated"} {
		d := p.Evaluate(&policy.Flow{Client: packet.Addr(netip.MustParseAddr("10.0.0.9").As16()), Server: packet.Addr(netip.MustParseAddr("10.0.0.1").As16()), App: policy.AppPending})
		if d.Rule() != want {
			t.Errorf("the flow has rule %q, want %q", d.Rule(), want)
		}
	}
	f.lookTags()
	if s.sensorCfg.Policy != second {
		t.Error("compiled again without a change")
	}
	if after := s.sensor.PolicyHits(); len(after) != len(before) || after[0].Rule != "isolated" {
		t.Errorf("%+v", after)
	}
	// A sensor that starts has them from the beginning.
	if got := readTags(cfg); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
