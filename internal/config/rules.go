package config

import "github.com/mirrorwall/mirrorwall/internal/rulesource"

// RuleSource is a publisher of rules.
type RuleSource struct {
	Name        string `yaml:"name"`
	URL         string `yaml:"url"`
	Path        string `yaml:"path"`
	SHA256      string `yaml:"sha256"`
	ChecksumURL string `yaml:"checksum_url"`
}

// RuleSources are the sources as the room that fetches them takes them.
func (r *Rules) RuleSources() []rulesource.Source {
	var out []rulesource.Source
	for _, s := range r.Sources {
		out = append(out, rulesource.Source(s))
	}
	return out
}

// List is the named list of rulesource.ListNames.
func (r *Rules) List(name string) []string {
	switch name {
	case "disable":
		return r.Disable
	case "enable":
		return r.Enable
	case "modify":
		return r.Modify
	case "drop":
		return r.Drop
	}
	panic("BUG: no list " + name)
}
