package config

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/rulesource"
)

// validate checks what single values can't show.
func (c *Config) validate(k *Checker) {
	if c.Version != Version {
		k.Add(At("version"), "", "version: want %d, got %d", Version, c.Version)
	}
	if _, n, _ := k.find(At("sensor", "listen")); len(c.Sensor.Listen) == 0 && !k.pruned[n] {
		k.Add(At("sensor", "listen"), "", "sensor: listen: want at least one address")
	}
	if n := c.Sensor.Workers; n < 0 || n > 256 {
		k.Add(At("sensor", "workers"), "", "sensor: workers: want 0 to 256, got %d", n)
	}
	if n := c.Sensor.MaxFlows; n < 1 || n > maxFlows {
		k.Add(At("sensor", "max_flows"), "", "sensor: max_flows: want 1 to %d, got %d", maxFlows, n)
	}
	if c.State == "" {
		k.Add(At("state"), "", "state: want a folder")
	}
	if c.EVE.Keep < 0 {
		k.Add(At("eve", "keep"), "", "eve: keep: want 0 or more, got %d", c.EVE.Keep)
	}
	if a := c.Health.Address; a != "" {
		if _, err := netip.ParseAddrPort(a); err != nil {
			k.Add(At("health", "address"), "", "health: address: want ADDRESS:PORT, got %q", a)
		}
	}
	if b := c.Rules.Budget; !(b.Share >= 0 && b.Share < 1) {
		k.Add(At("rules", "budget", "share"), "0 means that no rule is suspended", "rules: budget: share: want 0 or more and less than 1, got %v", b.Share)
	}
	if b := c.Rules.Budget; b.Window <= 0 {
		k.Add(At("rules", "budget", "window"), "", "rules: budget: window: want a time span above 0s")
	}
	c.validateListen(k)
	c.validateHostOS(k)
	c.validateTenants(k)
	c.validateRules(k)
	c.validateEvidence(k)
	c.validateRespond(k)
	c.validateConsole(k)
	c.validateStore(k)
	c.validateBus(k)
	c.validatePolicy(k)
}

// validateListen refuses one address twice: the kernel would split the traffic
// between the two.
func (c *Config) validateListen(k *Checker) {
	for i, l := range c.Sensor.Listen {
		if slices.ContainsFunc(c.Sensor.Listen[:i], func(o Listen) bool { return o.Address == l.Address && !strings.HasSuffix(l.Address, ":0") }) {
			k.Add(At("sensor", "listen", i), "", "sensor: listen: %s is there already", l.Address)
		}
	}
}

// validateHostOS wants systems that exist, and each network with one of them.
func (c *Config) validateHostOS(k *Checker) {
	owner := map[Prefix]string{}
	for _, system := range slices.Sorted(maps.Keys(c.HostOSPolicy)) {
		if names := flow.PolicyNames(); !slices.Contains(names, system) {
			k.Add(At("host-os-policy", system), meant(system, names), "host-os-policy: want one of %s, got %q", strings.Join(names, ", "), system)
			continue
		}
		for i, p := range c.HostOSPolicy[system] {
			if o, taken := owner[p]; taken {
				k.Add(At("host-os-policy", system, i), "", "host-os-policy: %s: %s belongs to %s already", system, p, o)
			}
			owner[p] = system
		}
	}
}

// maxFlows bounds the flow table: beyond it no machine has the memory.
const maxFlows = 1 << 26

func (c *Config) validateTenants(k *Checker) {
	type owned struct {
		VNIRange
		tenant, index int
	}
	var all []owned
	names := map[string]bool{}
	for i, t := range c.Tenants {
		if t.Name == "" || names[t.Name] {
			k.Add(At("tenants", i, "name"), "", "tenants: want a name of its own, got %q", t.Name)
		}
		names[t.Name] = true
		for j, r := range t.VNIs {
			all = append(all, owned{r, i, j})
		}
	}
	slices.SortStableFunc(all, func(a, b owned) int { return cmp.Compare(a.First, b.First) })
	for i := 1; i < len(all); i++ {
		o, r := all[i-1], all[i]
		if r.First <= o.Last {
			if r.tenant < o.tenant {
				o, r = r, o
			}
			k.Add(At("tenants", r.tenant, "vnis", r.index), "", "tenants: %s: VNIs %d-%d belong to %s already",
				c.Tenants[r.tenant].Name, r.First, r.Last, c.Tenants[o.tenant].Name)
		}
		// The range that reaches farthest is what the next one may meet.
		if all[i-1].Last > all[i].Last {
			all[i] = all[i-1]
		}
	}
}

func (c *Config) validateRules(k *Checker) {
	names := map[string]bool{}
	for i, s := range c.Rules.RuleSources() {
		for _, e := range s.Check() {
			path := At("rules", "sources", i, e.Key)
			if !k.Has(path) {
				path = At("rules", "sources", i)
			}
			k.Add(path, e.Hint, "rules: sources: %v", e)
		}
		// Where file names know no case, two folders would be one.
		if name := strings.ToLower(s.Name); name != "" {
			if names[name] {
				k.Add(At("rules", "sources", i, "name"), "", "rules: sources: %s is there already", s.Name)
			}
			names[name] = true
		}
	}
	for _, list := range rulesource.ListNames() {
		for i, item := range c.Rules.List(list) {
			if off, hint, err := rulesource.Item(list, item); err != nil {
				k.AddAt(At("rules", list, i), off, hint, "rules: %s: %v", list, err)
			}
		}
	}
}

func (c *Config) validateRespond(k *Checker) {
	names := map[string]bool{}
	for i := range c.Respond {
		r := &c.Respond[i]
		switch {
		case r.Name == "" || names[r.Name]:
			k.Add(At("respond", i, "name"), "", "respond: want a name of its own, got %q", r.Name)
		case !isWord(r.Name):
			k.Add(At("respond", i, "name"), "", "respond: name: want letters, digits, - and _, got %q", r.Name)
		}
		names[r.Name] = true
		checkLog(k, At("respond", i, "log"), r.Log, "respond: "+r.Name)
		if r.Action == "" {
			k.Add(At("respond", i), "", "respond: %s: want an action", r.Name)
		}
		checkFilter(k, At("respond", i, "filter"), r.Filter, "respond: "+r.Name)
	}
}

// checkLog wants the name of a log, or nothing; where begins the complaint.
func checkLog(k *Checker, path []any, log, where string) {
	if logs := record.Logs(); log != "" && !slices.Contains(logs, log) {
		k.Add(path, meant(log, logs), "%s: log: want one of %s, got %q", where, strings.Join(logs, ", "), log)
	}
}

// checkFilter wants a filter, or nothing; where begins the complaint.
func checkFilter(k *Checker, path []any, text, where string) {
	_, err := filter.Parse(text)
	var fe *filter.Error
	switch {
	case errors.As(err, &fe):
		k.AddAt(path, fe.Offset, fe.Hint, "%s: filter: %s", where, fe.Msg)
	case err != nil:
		k.Add(path, "", "%s: %v", where, err)
	}
}

// meant is a hint with the name that is closest to a word, if any is.
func meant(word string, names []string) string {
	if near := rule.Nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return ""
}

// isWord reports whether s may name a match list: it names a file.
func isWord(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" && len(s) <= 128
}
