package cli

import (
	"fmt"
	"path/filepath"

	"github.com/mirrorwall/mirrorwall/internal/base/sandbox"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

// confine shuts the sensor's process in, now that its sockets and files are
// open: it writes to its state and to the folder of eve.json, and calls nobody but
// the bus.
func (s *service) confine() error {
	write := []string{s.cfg.State}
	if p := s.cfg.EVE.Path; p != "" {
		write = append(write, filepath.Dir(p))
	}
	st, err := sandbox.Apply(sandbox.Rules{Write: write, Connect: s.ship != nil})
	if err != nil {
		return fail(fmt.Errorf("sandbox: %w", err), stateHint)
	}
	text := st.String()
	s.sandbox.Store(&text)
	s.log.Info("sandbox", "process", "sensor", "in_force", text)
	return nil
}

// confine shuts the console's process in. It calls receivers and providers.
func (c *consoleHalf) confine() error {
	write := []string{c.cfg.State}
	if c.store != nil {
		write = append(write, c.cfg.StorePath())
	}
	if c.web != nil {
		write = append(write, c.cfg.ConsoleState())
	}
	st, err := sandbox.Apply(sandbox.Rules{Write: write, Connect: true})
	if err != nil {
		return fail(fmt.Errorf("sandbox: %w", err), stateHint)
	}
	c.sandbox = st.String()
	c.log.Info("sandbox", "process", "console", "in_force", c.sandbox)
	return nil
}

// sandboxCheck tells what is in force; it is no reason to take a sensor out.
func sandboxCheck(name, text string) health.Check {
	return health.Check{Name: name, OK: true, Advisory: true, Text: text}
}
