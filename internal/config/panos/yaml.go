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
