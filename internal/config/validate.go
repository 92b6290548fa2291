package config

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
)

// checker collects what is wrong with a document, with the lines.
type checker struct {
	root *yaml.Node
	errs []error
}

// add complains about the value at a path of keys and indexes below root.
func (k *checker) add(path []any, format string, args ...any) {
	k.errs = append(k.errs, fmt.Errorf("line %d: "+format, append([]any{lineOf(k.root, path)}, args...)...))
}

func at(path ...any) []any { return path }

// lineOf finds the line of the value at path, or of what stands nearest above
// it: a default has no line of its own.
func lineOf(n *yaml.Node, path []any) int {
	line := max(n.Line, 1)
	for _, step := range path {
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					next = n.Content[i+1]
				}
			}
		}
		if next == nil {
			return line
		}
		n, line = next, next.Line
	}
	return line
}

// validate checks what single values can't show; root is the document.
func (c *Config) validate(root *yaml.Node) []error {
	k := &checker{root: root}
	if c.Version != Version {
		k.add(at("version"), "version: want %d, got %d", Version, c.Version)
	}
	if len(c.Sensor.Listen) == 0 {
		k.add(at("sensor", "listen"), "sensor: listen: want at least one address")
	}
	if n := c.Sensor.Workers; n < 0 || n > 256 {
		k.add(at("sensor", "workers"), "sensor: workers: want 0 to 256, got %d", n)
	}
	if n := c.Sensor.MaxFlows; n < 1 || n > maxFlows {
		k.add(at("sensor", "max_flows"), "sensor: max_flows: want 1 to %d, got %d", maxFlows, n)
	}
	if c.State == "" {
		k.add(at("state"), "state: want a folder")
	}
	if c.EVE.Keep < 0 {
		k.add(at("eve", "keep"), "eve: keep: want 0 or more, got %d", c.EVE.Keep)
	}
	if a := c.Health.Address; a != "" {
		if _, err := netip.ParseAddrPort(a); err != nil {
			k.add(at("health", "address"), "health: address: want ADDRESS:PORT, got %q", a)
		}
	}
	c.validateTenants(k)
	c.validateRespond(k)
	return k.errs
}

// maxFlows bounds the flow table: beyond it no machine has the memory.
const maxFlows = 1 << 26

func (c *Config) validateTenants(k *checker) {
	type owned struct {
		VNIRange
		tenant, index int
	}
	var all []owned
	names := map[string]bool{}
	for i, t := range c.Tenants {
		if t.Name == "" || names[t.Name] {
			k.add(at("tenants", i, "name"), "tenants: want a name of its own, got %q", t.Name)
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
			k.add(at("tenants", r.tenant, "vnis", r.index), "tenants: %s: VNIs %d-%d belong to %s already",
				c.Tenants[r.tenant].Name, r.First, r.Last, c.Tenants[o.tenant].Name)
		}
		// The range that reaches farthest is what the next one may meet.
		if all[i-1].Last > all[i].Last {
			all[i] = all[i-1]
		}
	}
}

func (c *Config) validateRespond(k *checker) {
	names := map[string]bool{}
	for i := range c.Respond {
		r := &c.Respond[i]
		add := func(format string, args ...any) { k.add(at("respond", i), format, args...) }
		switch {
		case r.Name == "" || names[r.Name]:
			add("respond: want a name of its own, got %q", r.Name)
		case !isWord(r.Name):
			add("respond: name: want letters, digits, - and _, got %q", r.Name)
		}
		names[r.Name] = true
		if logs := record.Logs(); r.Log != "" && !slices.Contains(logs, r.Log) {
			add("respond: %s: log: want one of %s, got %q", r.Name, strings.Join(logs, ", "), r.Log)
		}
		if r.Action == "" {
			add("respond: %s: want an action", r.Name)
		}
		if _, err := filter.Parse(r.Filter); err != nil {
			text := err.Error()
			var fe *filter.Error
			if errors.As(err, &fe) {
				text = fe.Detail()
			}
			add("respond: %s: %s", r.Name, text)
		}
	}
}

// isWord reports whether s may name a match list: it names a file.
func isWord(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == "" && len(s) <= 128
}
