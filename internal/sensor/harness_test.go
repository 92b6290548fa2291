package sensor_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// config is a sensor with the catalogue of testdata, the given rules and
// settings ("key=value"). A rule that does not load is left out.
func config(tb testing.TB, rules []byte, sets ...string) *sensor.Config {
	tb.Helper()
	cfg, _ := configReport(tb, rules, sets...)
	return cfg
}

func configReport(tb testing.TB, rules []byte, sets ...string) (*sensor.Config, *detect.Report) {
	tb.Helper()
	cfg, err := sensor.DefaultConfig(os.DirFS("testdata/apps"))
	if err != nil {
		tb.Fatal(err)
	}
	cfg.RethrowPanics = true
	st := sensor.NewSettings(cfg)
	for _, kv := range sets {
		key, value, _ := strings.Cut(kv, "=")
		if err := st.Set(key, value); err != nil {
			tb.Fatal(err)
		}
	}
	f, _ := rule.ParseFile("test.rules", rules)
	rs, rep := detect.Compile([]*rule.File{f}, cfg.DetectConfig(st.Vars))
	cfg.Rules = rs
	return cfg, rep
}

// activeConfig is config for rules that must all load.
func activeConfig(tb testing.TB, rules string, sets ...string) *sensor.Config {
	tb.Helper()
	if _, errs := rule.ParseFile("test.rules", []byte(rules)); len(errs) > 0 {
		tb.Fatal(errs)
	}
	cfg, rep := configReport(tb, []byte(rules), sets...)
	if rep.Active != rep.Rules {
		tb.Fatalf("%d of %d rules active: %+v", rep.Active, rep.Rules, rep.Verdicts)
	}
	return cfg
}
