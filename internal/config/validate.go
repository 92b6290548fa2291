package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// validate checks what single values can't show.
func (c *Config) validate() (errs []error) {
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if c.Version != Version {
		add("version: want %d, got %d", Version, c.Version)
	}
	if len(c.Sensor.Listen) == 0 {
		add("sensor: listen: want at least one address")
	}
	if c.Sensor.Workers < 0 || c.Sensor.Workers > 256 {
		add("sensor: workers: want 0 to 256, got %d", c.Sensor.Workers)
	}
	if c.Sensor.MaxFlows < 1 {
		add("sensor: max_flows: want at least 1, got %d", c.Sensor.MaxFlows)
	}
	if c.State == "" {
		add("state: want a folder")
	}
	if c.Health.Address != "" {
		if _, err := netip.ParseAddrPort(c.Health.Address); err != nil {
			add("health: address: want ADDRESS:PORT, got %q", c.Health.Address)
		}
	}
	errs = append(errs, c.validateTenants()...)
	return append(errs, c.validateRespond()...)
}

func (c *Config) validateTenants() (errs []error) {
	type owned struct {
		VNIRange
		name string
	}
	var seen []owned
	names := map[string]bool{}
	for _, t := range c.Tenants {
		if t.Name == "" || names[t.Name] {
			errs = append(errs, fmt.Errorf("tenants: want a name of its own, got %q", t.Name))
		}
		names[t.Name] = true
		for _, r := range t.VNIs {
			for _, o := range seen {
				if r.First <= o.Last && o.First <= r.Last {
					errs = append(errs, fmt.Errorf("tenants: %s: VNIs %d-%d belong to %s already", t.Name, r.First, r.Last, o.name))
				}
			}
			seen = append(seen, owned{r, t.Name})
		}
	}
	return errs
}

func (c *Config) validateRespond() (errs []error) {
	names := map[string]bool{}
	for i := range c.Respond {
		r := &c.Respond[i]
		if r.Name == "" || names[r.Name] {
			errs = append(errs, fmt.Errorf("line %d: respond: want a name of its own, got %q", r.line, r.Name))
		}
		names[r.Name] = true
		if logs := record.Logs(); r.Log != "" && !slices.Contains(logs, r.Log) {
			errs = append(errs, fmt.Errorf("line %d: respond: %s: log: want one of %s, got %q", r.line, r.Name, strings.Join(logs, ", "), r.Log))
		}
		if _, err := filter.Parse(r.Filter); err != nil {
			text := err.Error()
			var fe *filter.Error
			if errors.As(err, &fe) {
				text = fe.Detail()
			}
			errs = append(errs, fmt.Errorf("line %d: respond: %s: %s", r.line, r.Name, text))
		}
	}
	return errs
}
