package cli

import (
	"errors"

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
	p, problems := policy.Compile(&s.cfg.Policy, policy.Env{Apps: cfg.Catalogue})
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
