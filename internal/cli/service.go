package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// service is the sensor's process: the packet path, its outputs and the health
// listener.
type service struct {
	cfg       *config.Config
	log       *slog.Logger
	sensor    *sensor.Service
	sensorCfg *sensor.Config
	report    atomic.Pointer[ruleReport]
	reloadErr atomic.Pointer[error] // why the last reload failed, nil after a good one
	eve       *record.File
	spool     *bus.Spool
	spooled   bool            // somebody reads the spool
	ship      *shipper        // to the bus; nil: the spool is the bus
	console   *consoleReport  // what the console's process tells
	evidence  *evidence.Store // nil: none is kept
	health    *health.Server
	path      string                  // of the configuration; empty: it is not read again
	text      []byte                  // what is in force of it
	tags      map[netip.Addr][]string // that addresses carry for a while
	managed   bool                    // the text was committed in the console, the file does not count
	sandbox   atomic.Pointer[string]  // what is in force; nil: nothing was asked
	tune      []func(*sensor.Config)
}

// newService opens everything that a configuration names; tune changes what the
// file cannot, before anything runs. On an error nothing stays open.
func (a *app) newService(cfg *config.Config, log *slog.Logger, obs sensor.Observer, tune ...func(*sensor.Config)) (*service, error) {
	s := &service{cfg: cfg, log: log, tune: tune, spooled: wantsConsole(cfg) || cfg.Bus.URL != "", console: &consoleReport{path: consoleReportPath(cfg)}}
	if err := s.open(a, obs); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

const stateHint = "state: names the folder; it must be writable"

func (s *service) open(a *app, obs sensor.Observer) error {
	err := s.openSensorConfig(a)
	if err != nil {
		return err
	}
	if s.spool, err = bus.Open(filepath.Join(s.cfg.State, "spool"), bus.Options{}); err != nil {
		return withHint(err, stateHint)
	}
	if s.cfg.Bus.URL == "" {
		err = s.spool.Forget(busCursor) // it would hold up every segment
	} else {
		s.ship, err = startShipping(s.cfg, s.log, s.spool)
	}
	if err != nil {
		return withHint(err, stateHint)
	}
	if s.cfg.EVE.Path != "" {
		s.eve, err = record.OpenFile(s.cfg.EVE.Path, record.FileOptions{
			MaxBytes: int64(s.cfg.EVE.RotateBytes), MaxAge: time.Duration(s.cfg.EVE.RotateEvery), Keep: s.cfg.EVE.Keep,
		})
		if err != nil {
			return withHint(err, "eve: path: names the file; its folder must be there and writable")
		}
	}
	if s.evidence, err = keepEvidence(s.cfg, s.sensorCfg); err != nil {
		return err
	}
	s.sensor, err = sensor.NewService(sensor.ServiceConfig{
		Config: s.sensorCfg, Listen: listenOptions(s.cfg), Workers: s.cfg.Sensor.Workers,
		StatsEvery: 30 * time.Second, Log: s.log,
	}, &tee{s}, obs)
	if err != nil {
		return err
	}
	s.sensorCfg.Rules, s.sensorCfg.TenantRules = nil, nil // or they would outlive a reload
	if s.cfg.Health.Address != "" {
		s.health, err = health.Listen(s.cfg.Health.Address, s.sensor, s.checks, s.collectors()...)
	}
	return err
}

func (s *service) openSensorConfig(a *app) error {
	cfg, err := sensor.DefaultConfig(catalogue())
	if err != nil {
		return err
	}
	c := s.cfg.Sensor
	cfg.Flow.MaxFlows, cfg.Flow.Depth = c.MaxFlows, uint64(c.StreamDepth)
	cfg.Decode.VerifyChecksums, cfg.Dedup = c.Checksums, c.Dedup
	cfg.FlowInterval = int64(c.FlowInterval)
	cfg.Log = sensor.LogConfig{DecodeAnomalies: s.cfg.EVE.DecodeAnomalies, StreamAnomalies: s.cfg.EVE.StreamAnomalies}
	cfg.Sources = sensor.NewSources(prefixes(c.Sources.Networks), vniRanges(c.Sources.VNIs))
	setRuleFiles(cfg, s.cfg)
	cfg.Tenants = &sensor.Tenants{}
	for system, networks := range s.cfg.HostOSPolicy {
		if err := cfg.SetHostOS(system, prefixes(networks)); err != nil {
			return fmt.Errorf("host-os-policy: %w", err)
		}
	}
	for _, t := range s.cfg.Tenants {
		cfg.Tenants.Add(t.Name, vniRanges(t.VNIs))
	}
	b := s.cfg.Rules.Budget
	cfg.Budget = detect.Budget{Share: b.Share, Window: int64(b.Window), Floor: uint64(b.Steps), Pinned: s.cfg.Rules.Pinned}
	cfg.Clock = ruleClock()
	s.tags = readTags(s.cfg)
	if err := s.compilePolicy(cfg); err != nil {
		return err
	}
	for _, f := range s.tune {
		f(cfg)
	}
	s.sensorCfg = cfg
	rules, rep, err := s.compile(a)
	if err != nil {
		return err
	}
	cfg.Rules, cfg.TenantRules = rules.All, rules.Tenants
	cfg.Datasets.Retain()
	s.report.Store(rep)
	return nil
}

// setRuleFiles says where the files are that rules name.
func setRuleFiles(cfg *sensor.Config, c *config.Config) {
	cfg.RuleFiles = sensor.RuleFiles{Dir: filepath.Join(c.State, "datasets"), Published: ruleStore(c).Generations()}
	cfg.Reputation = sensor.ReputationFiles{Categories: c.Rules.Reputation.Categories, Files: c.Rules.Reputation.Files}
}

// compile reads the rule files and compiles them, once more for each tenant
// with variables of its own.
func (s *service) compile(a *app) (rules *sensor.Rules, rep *ruleReport, err error) {
	sensor.Loading(func() { rules, rep, err = s.compileRules(a) })
	return rules, rep, err
}

func (s *service) compileRules(a *app) (*sensor.Rules, *ruleReport, error) {
	parsed, err := configRules(s.cfg)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range parsed.missing {
		s.log.Warn("a source has no rules yet, mirrorwall rules update fetches them", "source", name)
	}
	vars := withVars(detect.DefaultVars(), s.cfg.Vars)
	if err := checkVars(vars); err != nil {
		return nil, nil, err
	}
	thresholds, err := s.thresholds()
	if err != nil {
		return nil, nil, err
	}
	compile := func(vars detect.Vars) (*detect.Ruleset, *detect.Report) {
		conf := s.sensorCfg.DetectConfig(vars)
		conf.Thresholds = thresholds
		return detect.Compile(parsed.files, conf)
	}
	all, rep := compile(vars)
	out := &sensor.Rules{All: all, Tenants: map[uint32]*detect.Ruleset{}, Policy: s.sensorCfg.Policy}
	for i, t := range s.cfg.Tenants {
		if len(t.Vars.AddressGroups)+len(t.Vars.PortGroups) == 0 {
			continue
		}
		own := withVars(withVars(detect.DefaultVars(), s.cfg.Vars), t.Vars)
		if err := checkVars(own); err != nil {
			return nil, nil, fmt.Errorf("tenant %s: %w", t.Name, err)
		}
		out.Tenants[s.sensorCfg.Tenants.ID(i)], _ = compile(own)
	}
	return out, newRuleReport(parsed, rep), nil
}

// thresholds reads the threshold files, anew with each reload.
func (s *service) thresholds() ([]detect.ThresholdFile, error) {
	paths, err := thresholdFiles(s.cfg.Rules.Thresholds)
	if err != nil {
		return nil, err
	}
	return readThresholds(paths)
}

// reload compiles the rules again and hands them to the workers.
func (s *service) reload(a *app) error {
	undo, err := s.reloadPolicy()
	if err != nil {
		s.reloadErr.Store(&err)
		return err
	}
	return s.recompile(a, undo)
}

// recompile is reload once the policy is known; undo is called when it fails.
func (s *service) recompile(a *app, undo func()) error {
	rules, rep, err := s.compile(a)
	if err != nil {
		undo()
		s.reloadErr.Store(&err)
		return err
	}
	s.sensor.Reload(rules)
	s.sensorCfg.Datasets.Retain()
	s.saveDatasets()
	s.report.Store(rep)
	s.reloadErr.Store(nil)
	return nil
}

// saveDatasets writes the data sets that rules want kept; the service's end does
// so once more.
func (s *service) saveDatasets() {
	if err := s.sensorCfg.SaveDatasets(); err != nil {
		s.log.Error("data sets not saved", "err", err)
	}
}

// run works until ctx ends, then drains the sensor, so that its last records
// reach the outputs.
func (s *service) run(ctx context.Context) error {
	hctx, stopHealth := context.WithCancel(context.Background())
	defer stopHealth()
	served := make(chan error, 1)
	if s.health != nil {
		go func() { served <- tellEnd(s.log, s.health.Run(hctx)) }()
	}
	err := s.sensor.Run(ctx)
	stopHealth()
	if s.health != nil {
		err = errors.Join(err, <-served)
	}
	return errors.Join(err, s.close())
}

// tellEnd logs at once why a part of a process ended; run returns it only when
// all of them have.
func tellEnd(log *slog.Logger, err error) error {
	if err != nil {
		log.Error("a part of the service ended", "err", err)
	}
	return err
}

func (s *service) close() error {
	var errs []error
	if s.sensor != nil {
		errs = append(errs, s.sensor.Close())
	}
	if s.evidence != nil {
		errs = append(errs, s.evidence.Close())
	}
	if s.sensorCfg != nil {
		errs = append(errs, s.sensorCfg.SaveDatasets())
	}
	if s.eve != nil {
		errs = append(errs, s.eve.Err(), s.eve.Close())
	}
	if s.ship != nil {
		s.ship.close()
	}
	if s.spool != nil {
		if n := s.spool.Counters().WriteErrors; n > 0 {
			err := fmt.Errorf("spool: %s: %d appends failed, their records were not kept", filepath.Join(s.cfg.State, "spool"), n)
			errs = append(errs, fail(err, "is there room on the disk (df)?"))
		}
		errs = append(errs, s.spool.Close())
	}
	return errors.Join(errs...)
}

// tee writes records to eve.json and, one by one, into the spool.
type tee struct{ s *service }

// Write implements sensor.Output. Both are tried; each counts its own losses,
// the log tells of them here, and the service's end does once more.
func (t *tee) Write(lines []byte) (int, error) {
	var errs []error
	if t.s.eve != nil {
		_, err := t.s.eve.Write(lines)
		errs = append(errs, err)
	}
	if t.s.spooled {
		records := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
		was := t.s.spool.Failing()
		if err := t.s.spool.Append(records...); err != nil && !was {
			// The first of a row; the counters tell the rest.
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.s.log.Error("records lost", "err", err)
	}
	return len(lines), nil
}

func listenOptions(cfg *config.Config) []udp.Options {
	var out []udp.Options
	for _, l := range cfg.Sensor.Listen {
		o := udp.Options{Addr: l.Address, Encap: packet.EncapVXLAN, ReceiveBuffer: int(cfg.Sensor.ReceiveBuffer)}
		if l.Encap == "geneve" {
			o.Encap = packet.EncapGENEVE
		}
		out = append(out, o)
	}
	return out
}

func prefixes(in []config.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range in {
		out = append(out, p.Prefix)
	}
	return out
}

func vniRanges(in []config.VNIRange) []sensor.VNIRange {
	var out []sensor.VNIRange
	for _, r := range in {
		out = append(out, sensor.VNIRange(r))
	}
	return out
}

func withVars(v detect.Vars, over config.Vars) detect.Vars {
	for name, text := range over.AddressGroups {
		v.AddressGroups[name] = text
	}
	for name, text := range over.PortGroups {
		v.PortGroups[name] = text
	}
	return v
}
