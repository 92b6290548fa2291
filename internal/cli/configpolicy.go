package cli

import (
	"errors"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// checkPolicy is config.CheckPolicy against the applications that there are.
func checkPolicy(c *config.Config, k *config.Checker) {
	apps, err := appid.Load(catalogue())
	if err != nil {
		panic("BUG: the bundled application catalogue: " + err.Error())
	}
	config.CheckPolicy(policy.Env{Apps: apps})(c, k)
}

// compilePolicy makes the sensor judge flows by the document's policy. Its
// warnings go to the log: they are no reason not to start.
func (s *service) compilePolicy(cfg *sensor.Config) error {
	p, problems := policy.Compile(&s.cfg.Policy, policy.Env{Apps: cfg.Catalogue, Registered: s.tags})
	var errs []error
	warnings := 0
	for _, problem := range problems {
		if !problem.Warning {
			errs = append(errs, fail(errors.New("policy: "+problem.Msg), problem.Hint))
			continue
		}
		warnings++
	}
	if warnings > 0 {
		s.log.Warn("the policy has parts that are hardly meant, mirrorwall config check tells them", "warnings", warnings)
	}
	cfg.Policy = p
	return errors.Join(errs...)
}

// reloadPolicy takes the policy that the configuration file has now; the rules
// that are compiled next carry it into force. What else has changed in the file
// waits for a restart, and the log says so. A file that does not count any more is
// not read. undo brings the old one back.
func (s *service) reloadPolicy() (undo func(), err error) {
	nothing := func() {}
	if s.path == "" || s.managed {
		return nothing, nil
	}
	text, err := readRegular(s.path)
	if err != nil {
		// Read once, as from a pipe, or gone: the rules' files may have changed.
		s.log.Warn("the configuration is not read again", "err", err)
		return nothing, nil
	}
	next, err := config.Parse(s.path, text, checkConfig)
	if err != nil {
		return nothing, err
	}
	keys, err := changedKeys(s.text, text)
	if err != nil {
		return nothing, err
	}
	if others := slices.DeleteFunc(slices.Clone(keys), func(k string) bool { return k == "policy" }); len(others) > 0 {
		s.log.Warn("changes of the configuration wait for a restart; the policy is in force at once", "sections", strings.Join(others, ", "))
	}
	if len(keys) == 0 {
		return nothing, nil
	}
	return s.swapPolicy(next, text)
}

// swapPolicy compiles next's policy, of a document with that text, for the rules
// that are compiled next. undo brings the old one back.
func (s *service) swapPolicy(next *config.Config, text []byte) (undo func(), err error) {
	old, compiled, was := s.cfg.Policy, s.sensorCfg.Policy, s.text
	undo = func() { s.cfg.Policy, s.sensorCfg.Policy, s.text = old, compiled, was }
	s.cfg.Policy, s.text = next.Policy, text
	if err := s.compilePolicy(s.sensorCfg); err != nil {
		undo()
		return func() {}, err
	}
	s.sensorCfg.Policy.Inherit(compiled)
	return undo, nil
}
