package doctest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/respond/webhook"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// snippets calls check for every block of code that is meant, and wants some.
func snippets(t *testing.T, meant func(fence) bool, check func(t *testing.T, name string, f fence)) {
	t.Helper()
	n := 0
	for _, d := range documents(t) {
		for _, f := range d.fences {
			if meant(f) {
				n++
				check(t, fmt.Sprintf("%s:%d", d.path, f.line), f)
			}
		}
	}
	if n == 0 {
		t.Fatal("no snippet was checked")
	}
}

// TestConfigurations loads every configuration, compiles its policy, and makes
// its webhooks but for their secrets.
func TestConfigurations(t *testing.T) {
	catalogue, err := appid.Load(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	meant := func(f fence) bool { return f.lang == "yaml" && strings.HasPrefix(f.text, "version:") }
	snippets(t, meant, func(t *testing.T, name string, f fence) {
		cfg, err := config.Parse(name, []byte(f.text), config.CheckPolicy(policy.Env{Apps: catalogue}))
		if err != nil {
			t.Error(err)
			return
		}
		for i := range cfg.Respond {
			r := &cfg.Respond[i]
			var with webhook.Config
			if err := r.Decode(&with); err != nil {
				t.Error(err)
			}
			with.SecretFile, with.SecretEnv = "", ""
			if _, err := webhook.New(with); err != nil {
				t.Errorf("%s: respond: %s: %v", name, r.Name, err)
			}
		}
	})
}

// TestFilters parses every filter.
func TestFilters(t *testing.T) {
	meant := func(f fence) bool { return f.lang == "filter" }
	snippets(t, meant, func(t *testing.T, name string, f fence) {
		if _, err := filter.Parse(strings.TrimSpace(f.text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	})
}

// TestRules compiles every block of rules; all of them must be active.
func TestRules(t *testing.T) {
	cfg, err := sensor.DefaultConfig(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	meant := func(f fence) bool {
		first, _, _ := strings.Cut(f.text, " ")
		return slices.Contains([]string{"alert", "pass", "drop", "reject"}, first)
	}
	snippets(t, meant, func(t *testing.T, name string, f fence) {
		file, errs := rule.ParseFile(name, []byte(f.text))
		for _, e := range errs {
			t.Error(e)
		}
		_, rep := detect.Compile([]*rule.File{file}, cfg.DetectConfig(detect.DefaultVars()))
		if rep.Active == 0 || rep.Active != rep.Rules {
			t.Errorf("%s: %d of %d rules are active: %v", name, rep.Active, rep.Rules, rep.Verdicts)
		}
	})
}
