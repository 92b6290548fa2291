package config

// Evidence is what is kept of the packets around a threat, in the folder evidence
// of State.
type Evidence struct {
	Keep     bool `yaml:"keep"`
	MaxBytes Size `yaml:"max_bytes"`
	// Before and After are packets of the flow, up to and with the one that fired,
	// and after it.
	Before int `yaml:"before"`
	After  int `yaml:"after"`
	// Ring is the memory of each worker in which the packets before are looked
	// for.
	Ring Size `yaml:"ring"`
}

// maxAround bounds the packets of one capture on each side.
const maxAround = 1000

func (c *Config) validateEvidence(k *Checker) {
	e := c.Evidence
	for _, n := range []struct {
		key string
		v   int
	}{{"before", e.Before}, {"after", e.After}} {
		if n.v < 1 || n.v > maxAround {
			k.Add(At("evidence", n.key), "", "evidence: %s: want 1 to %d packets, got %d", n.key, maxAround, n.v)
		}
	}
	if e.MaxBytes < 1<<20 {
		k.Add(At("evidence", "max_bytes"), "keep: false keeps none", "evidence: max_bytes: want at least 1MiB, got %d", e.MaxBytes)
	}
	if e.Ring < 1<<20 || e.Ring > 4<<30 {
		k.Add(At("evidence", "ring"), "", "evidence: ring: want 1MiB to 4GiB, got %d", e.Ring)
	}
}
