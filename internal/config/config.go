// Package config is the configuration file: one YAML document, its defaults
// and its validation.
//
// Reading is strict: unknown keys and wrong values are errors with file and
// line, all of them at once. The package knows what a value may be, not what
// becomes of it.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Version is the version of the document that this program reads.
const Version = 1

// maxBytes bounds the document.
const maxBytes = 16 << 20

// Config is the whole document. Get one from Default, Load or Parse.
type Config struct {
	Version int `yaml:"version"`
	// State is the folder of everything that must outlive a restart: the spool
	// and the dead letters.
	State   string    `yaml:"state"`
	Sensor  Sensor    `yaml:"sensor"`
	Tenants []Tenant  `yaml:"tenants"`
	Vars    Vars      `yaml:"vars"`
	Rules   Rules     `yaml:"rules"`
	EVE     EVE       `yaml:"eve"`
	Health  Health    `yaml:"health"`
	Respond []Respond `yaml:"respond"`
}

// Sensor is the packet path.
type Sensor struct {
	// Listen are the sockets for mirrored traffic.
	Listen []Listen `yaml:"listen"`
	// Workers is the number of sockets and packet loops; 0: one less than the
	// cores, at least one.
	Workers int `yaml:"workers"`
	// ReceiveBuffer is asked of the kernel for each socket.
	ReceiveBuffer Size `yaml:"receive_buffer"`
	// Sources is the allow list of mirror sources; what is not on it is
	// counted, never inspected.
	Sources Sources `yaml:"sources"`
	// Dedup recognises the second copy of a packet mirrored at both ends.
	Dedup bool `yaml:"dedup"`
	// FlowInterval writes records of long flows every so often; 0: only at the
	// end.
	FlowInterval Duration `yaml:"flow_interval"`
	MaxFlows     int      `yaml:"max_flows"`
	StreamDepth  Size     `yaml:"stream_depth"`
	Checksums    bool     `yaml:"verify_checksums"`
}

// Sources is the allow list; an empty list allows every value.
type Sources struct {
	Networks []Prefix   `yaml:"networks"`
	VNIs     []VNIRange `yaml:"vnis"`
}

// Tenant joins mirror sessions that share one address space.
type Tenant struct {
	Name string     `yaml:"name"`
	VNIs []VNIRange `yaml:"vnis"`
	// Vars replace the document's variables for this tenant's traffic.
	Vars Vars `yaml:"vars"`
}

// Vars are the rule variables under Suricata's names.
type Vars struct {
	AddressGroups map[string]string `yaml:"address-groups"`
	PortGroups    map[string]string `yaml:"port-groups"`
}

// Rules says which signatures run.
type Rules struct {
	// Bundled includes our own set.
	Bundled bool     `yaml:"bundled"`
	Files   []string `yaml:"files"`
}

// EVE is the log file.
type EVE struct {
	// Path of eve.json; empty: none.
	Path        string   `yaml:"path"`
	RotateBytes Size     `yaml:"rotate_bytes"`
	RotateEvery Duration `yaml:"rotate_every"`
	Keep        int      `yaml:"keep"`
}

// Health is the address of /healthz, /readyz and /metrics.
type Health struct {
	Address string `yaml:"address"` // empty: none
}

// Respond is one match list: which records, and the action for them.
type Respond struct {
	Name   string    `yaml:"name"`
	Log    string    `yaml:"log"`
	Filter string    `yaml:"filter"`
	Action string    `yaml:"action"`
	With   yaml.Node `yaml:"with"` // the action's own settings

	line int
}

// Line is where the match list stands in the file.
func (r *Respond) Line() int { return r.line }

// UnmarshalYAML keeps the line for later complaints.
func (r *Respond) UnmarshalYAML(n *yaml.Node) error {
	type plain Respond
	r.line = n.Line
	return n.Decode((*plain)(r))
}

// reserved are sections that later versions fill: they are refused by name
// rather than as a spelling mistake.
func reserved() []string {
	return []string{
		"console", "store", "bus", "zones", "addresses", "address_groups", "services", "policy", "profiles",
		"tunnel_inspection", "log_forwarding", "users", "roles", "retention", "assets", "cloud", "rule_sources",
	}
}

// Default is a working configuration.
func Default() *Config {
	return &Config{
		Version: Version,
		State:   "/var/lib/mirrorwall",
		Sensor: Sensor{
			Listen:        []Listen{{Address: "0.0.0.0:4789", Encap: "vxlan"}},
			ReceiveBuffer: 32 << 20,
			Dedup:         true,
			FlowInterval:  Duration(5 * time.Minute),
			MaxFlows:      1 << 20,
			StreamDepth:   1 << 20,
		},
		Rules:  Rules{Bundled: true},
		EVE:    EVE{Path: "/var/log/mirrorwall/eve.json", RotateBytes: 1 << 30, RotateEvery: Duration(24 * time.Hour), Keep: 7},
		Health: Health{Address: "127.0.0.1:9470"},
	}
}

// Load reads a file; keys that are left out keep their defaults.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Err: err}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return Parse(path, text)
}

// FileError says that the file can't be read.
type FileError struct{ Err error }

func (e *FileError) Error() string { return "config: " + e.Err.Error() }
func (e *FileError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *FileError) Hint() string {
	if errors.Is(e.Err, os.ErrPermission) {
		return "the file must be readable by the user that runs mirrorwall"
	}
	return "name the file with --config; mirrorwall.yaml in the project is a commented example"
}

// Errors are all complaints about one document.
type Errors []error

// Error prints one complaint a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Hint says where the keys are described.
func (e Errors) Hint() string { return "the keys are described in docs/config.md" }

// Parse reads a document over the defaults. name stands in the errors, which
// are of type Errors.
func Parse(name string, text []byte) (*Config, error) {
	if len(text) > maxBytes {
		return nil, Errors{fmt.Errorf("%s: want at most %d bytes", name, maxBytes)}
	}
	c := Default()
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, Errors{fmt.Errorf("%s:1: the document is empty: want version: %d", name, Version)}
		}
		return nil, Errors{complaint(name, err.Error())}
	}
	var errs Errors
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		errs = append(errs, fmt.Errorf("%s: want one YAML document", name))
	}
	root := doc.Content[0]
	if line := aliasLine(root); line > 0 {
		// Not decoded at all: a few aliases of aliases are a gigabyte.
		return nil, append(errs, fmt.Errorf("%s:%d: aliases are not taken", name, line))
	}
	errs = append(errs, checkTop(name, root)...)
	if err := decodeStrict(root, c); err != nil {
		var te *yaml.TypeError
		if !errors.As(err, &te) {
			return nil, append(errs, complaint(name, err.Error()))
		}
		for _, e := range te.Errors {
			errs = append(errs, complaint(name, e))
		}
	}
	for _, e := range c.validate(root) {
		errs = append(errs, complaint(name, e.Error()))
	}
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// checkTop looks at the version and for reserved sections, which it takes out
// of the document.
func checkTop(name string, root *yaml.Node) (errs Errors) {
	if root.Kind != yaml.MappingNode {
		return Errors{fmt.Errorf("%s:%d: want sections such as sensor:, got something else", name, root.Line)}
	}
	version := false
	for i := 0; i+1 < len(root.Content); {
		k := root.Content[i]
		switch {
		case k.Value == "version":
			version = true
		case slices.Contains(reserved(), k.Value):
			errs = append(errs, fmt.Errorf("%s:%d: section %s is reserved for a later version", name, k.Line, k.Value))
			root.Content = slices.Delete(root.Content, i, i+2)
			continue
		}
		i += 2
	}
	if !version {
		errs = append(errs, fmt.Errorf("%s:1: want version: %d", name, Version))
	}
	return errs
}

// complaint turns yaml's "line 5: …" into "file:5: …".
func complaint(name, msg string) error {
	msg = strings.TrimPrefix(msg, "yaml: ")
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if line, text, ok := strings.Cut(rest, ": "); ok {
			text = withoutTypes(typeNames.Replace(text))
			return fmt.Errorf("%s:%s: %s", name, line, text)
		}
	}
	return fmt.Errorf("%s: %s", name, msg)
}

// typeNames hides Go's names in yaml's complaints.
var typeNames = strings.NewReplacer(
	"cannot unmarshal !!str", "want another value, got text",
	"cannot unmarshal !!int", "want another value, got a number",
	"cannot unmarshal !!map", "want another value, got keys",
	"cannot unmarshal !!seq", "want another value, got a list",
	" into int", ": want a number", " into bool", ": want true or false",
	" into string", ": want text",
)

// withoutTypes says what a Go type stands for in YAML.
func withoutTypes(text string) string {
	if i := strings.LastIndex(text, " into []"); i >= 0 {
		return text[:i] + ": want a list, one item a line after a dash"
	}
	if i := strings.LastIndex(text, " into config."); i >= 0 {
		return text[:i] + ": want keys and values"
	}
	return text
}

// decodeStrict decodes a node with unknown keys as errors, all complaints at
// once.
func decodeStrict(n *yaml.Node, into any) error {
	unknown := unknownKeys(n, into)
	err := n.Decode(into)
	if unknown == nil {
		return err
	}
	var te *yaml.TypeError
	if errors.As(err, &te) {
		unknown.Errors = append(unknown.Errors, te.Errors...)
	} else if err != nil {
		return err
	}
	return unknown
}

// Decode decodes the settings of an action strictly; name stands in the
// errors.
func (r *Respond) Decode(name string, into any) error {
	if r.With.Kind == 0 {
		return nil
	}
	err := decodeStrict(&r.With, into)
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return err
	}
	var errs Errors
	for _, e := range te.Errors {
		errs = append(errs, complaint(name, e))
	}
	return errs
}
