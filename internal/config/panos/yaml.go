package panos

import (
	"bytes"
	"fmt"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// YAML is the configuration of a sensor with the imported policy: everything
// else keeps its default, or what the owner adds.
func (r *Result) YAML() ([]byte, error) {
	type health struct {
		Address string `yaml:"address"`
	}
	doc := struct {
		Version int              `yaml:"version"`
		Health  *health          `yaml:"health,omitempty"`
		Policy  *policy.Document `yaml:"policy,omitempty"`
	}{Version: 1, Policy: &r.Policy}
	if r.System.HealthOverHTTP {
		doc.Health = &health{"0.0.0.0:80"}
	}
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("panos: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("panos: %w", err)
	}
	return b.Bytes(), nil
}

// Policy reads the key policy of a sensor's configuration; unknown keys in it
// are errors, other sections are not looked at.
func Policy(text []byte) (*policy.Document, error) {
	var doc struct {
		Policy policy.Document `yaml:"policy"`
		Rest   map[string]any  `yaml:",inline"`
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("panos: %w", err)
	}
	return &doc.Policy, nil
}
