package cli

import (
	"cmp"
	"io"
	"path"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/rulesource"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// measured is a set of rules as the gate sees it.
type measured struct {
	rulesource.Measure
	report *ruleReport
	// active and refused count rules by source.
	active, refused map[string]int
	frames          int
}

// measure compiles the rules of sources with the variables of a configuration
// and plays the built-in sample to them. Each set has a worker of its own, so
// the figures depend on nothing else.
func (a *app) measure(cfg *config.Config, sets []rulesource.Set) (*measured, error) {
	sc, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return nil, err
	}
	vars := withVars(detect.DefaultVars(), cfg.Vars)
	if err := checkVars(vars); err != nil {
		return nil, err
	}
	m := &measured{active: map[string]int{}, refused: map[string]int{}}
	parsed := &parsedRules{}
	for _, s := range sets {
		for _, f := range s.Files {
			parsed.parse(path.Join(s.Source, f.Name), f.Text)
			m.refused[s.Source] += parsed.files[len(parsed.files)-1].Refused
		}
	}
	setRuleFiles(sc, cfg)
	conf := sc.DetectConfig(vars)
	conf.ReadFile = func(_, name string, _ bool) ([]byte, error) { return sc.RuleFiles.ReadPublished(name) }
	rs, rep := detect.Compile(parsed.files, conf)
	m.report = newRuleReport(parsed, rep)
	for _, v := range rep.Verdicts {
		source, _, _ := strings.Cut(v.Pos.File, "/")
		switch v.State {
		case detect.Active:
			m.active[source]++
		case detect.Refused:
			m.refused[source]++
		}
	}
	r := m.report
	m.Measure = rulesource.Measure{Rules: r.Rules, Active: r.Active, Inactive: r.Inactive, Refused: r.Refused}
	sc.Rules, sc.Shared = rs, detect.NewShared()
	w := sensor.NewWorker(sc, io.Discard, nil)
	m.frames = playSample(w)
	m.Work, m.Limited = w.RuleWork()
	return m, nil
}

// sampleSeeds is how often each scenario is in the sample, with other values
// each time.
const sampleSeeds = 2

// playSample plays every scenario of the built-in traffic, attacks and
// ordinary exchanges alike, and returns the number of frames.
func playSample(w *sensor.Worker) (frames int) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for seed := range uint64(sampleSeeds) {
		for _, s := range traffic.Scenarios() {
			for _, f := range s.Frames(seed+1, at) {
				w.Frame(&capture.Frame{Data: f.Data, WireLen: len(f.Data), Time: f.Time, Link: packet.LinkEthernet})
				at = time.Unix(0, f.Time).Add(time.Second)
				frames++
			}
		}
	}
	// Nothing is written, so nothing can fail.
	_ = w.Finish()
	return frames
}

// sourcedRules are the files that `rules update` put in force, of the sources
// that the configuration names, and the names of those that have none yet.
func sourcedRules(cfg *config.Config) (paths, missing []string, err error) {
	if len(cfg.Rules.Sources) == 0 {
		return nil, nil, nil
	}
	store := ruleStore(cfg)
	cur, err := store.Current()
	if err != nil {
		return nil, nil, err
	}
	for _, s := range cfg.Rules.Sources {
		files := store.Paths(cur, s.Name)
		if len(files) == 0 {
			missing = append(missing, s.Name)
		}
		paths = append(paths, files...)
	}
	return paths, missing, nil
}

// lists reads the configuration's lists; the error tells all that is wrong.
func lists(cfg *config.Config) (*rulesource.Lists, error) {
	out := &rulesource.Lists{}
	var errs rule.Errors
	for _, name := range rulesource.ListNames() {
		errs = append(errs, out.Add(name, cfg.Rules.List(name))...)
	}
	for _, e := range errs {
		e.Hint = cmp.Or(e.Hint, "the lists are described in docs/rules/README.md")
	}
	return out, errs.Err()
}
