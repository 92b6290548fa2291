// Package config is the configuration file: one YAML document, its defaults
// and its validation.
//
// Reading is strict: unknown keys and wrong values are errors with their place,
// all of them at once. The package knows what a value may be, not what becomes
// of it: who does adds a Check.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Version is the version of the document that this program reads.
const Version = 1

// maxBytes bounds the document.
const maxBytes = 16 << 20

// Config is the whole document. Get one from Default, Load or Parse.
type Config struct {
	Version int `yaml:"version"`
	// State is the folder of everything that must outlive a restart: the spool,
	// the dead letters and the rules of sources.
	State   string   `yaml:"state"`
	Sensor  Sensor   `yaml:"sensor"`
	Tenants []Tenant `yaml:"tenants"`
	Vars    Vars     `yaml:"vars"`
	// HostOSPolicy maps Suricata's names of systems to the networks of hosts
	// that put overlapping bytes together as these do.
	HostOSPolicy map[string][]Prefix `yaml:"host-os-policy"`
	Rules        Rules               `yaml:"rules"`
	EVE          EVE                 `yaml:"eve"`
	Evidence     Evidence            `yaml:"evidence"`
	Health       Health              `yaml:"health"`
	Console      Console             `yaml:"console"`
	Store        Store               `yaml:"store"`
	Bus          Bus                 `yaml:"bus"`
	Respond      []Respond           `yaml:"respond"`
	// Policy is what the owner says of zones, objects, rules and profiles.
	Policy policy.Document `yaml:"policy"`
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
	// Thresholds are threshold files, or patterns of them.
	Thresholds []string `yaml:"thresholds"`
	// Budget is what one rule may take before it is suspended.
	Budget RuleBudget `yaml:"budget"`
	// Pinned are sids that are never suspended.
	Pinned []uint32 `yaml:"pinned"`
	// Reputation are the lists that the keyword iprep asks.
	Reputation Reputation `yaml:"reputation"`
	// Sources are fetched by `rules update`; what it put in force runs besides
	// Files.
	Sources []RuleSource `yaml:"sources"`
	// The lists change the rules of Sources: entries in suricata-update's
	// syntax, or file:PATH for a file of them.
	Disable []string `yaml:"disable"`
	Enable  []string `yaml:"enable"`
	Modify  []string `yaml:"modify"`
	Drop    []string `yaml:"drop"`
}

// Reputation names Suricata's lists of addresses.
type Reputation struct {
	// Categories is the file that names the categories; empty: no lists.
	Categories string   `yaml:"categories"`
	Files      []string `yaml:"files"`
}

// RuleBudget says when a rule is suspended: more than Share of a worker's
// detection work in a window of packet time, and more than Steps.
type RuleBudget struct {
	Share  float64  `yaml:"share"` // 0: never
	Window Duration `yaml:"window"`
	Steps  uint32   `yaml:"steps"`
}

// EVE is the log file.
type EVE struct {
	// Path of eve.json; empty: none.
	Path        string   `yaml:"path"`
	RotateBytes Size     `yaml:"rotate_bytes"`
	RotateEvery Duration `yaml:"rotate_every"`
	Keep        int      `yaml:"keep"`
	// DecodeAnomalies and StreamAnomalies write a record for what is wrong with
	// packets, and with sessions.
	DecodeAnomalies bool `yaml:"decode_anomalies"`
	StreamAnomalies bool `yaml:"stream_anomalies"`
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
}

// reserved are sections that later versions fill: they are refused by name
// rather than as a spelling mistake. The hint says where to look today.
func reserved() map[string]string {
	out := map[string]string{"cloud": "", "retention": ""}
	for _, key := range []string{
		"assets", "zones", "addresses", "address_groups", "external_lists", "services", "service_groups", "application_groups",
		"application_filters", "url_categories", "schedules", "profiles", "profile_groups", "tunnel_inspection", "http_servers", "log_forwarding",
	} {
		out[key] = "it is a part of the policy: write policy: with " + key + ": below it"
	}
	for _, key := range []string{"users", "roles"} {
		out[key] = "accounts are not part of the configuration: the console keeps them"
	}
	return out
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
		Rules:    Rules{Bundled: true, Budget: RuleBudget{Share: 0.3, Window: Duration(10 * time.Second), Steps: 50e6}},
		EVE:      EVE{Path: "/var/log/mirrorwall/eve.json", RotateBytes: 1 << 30, RotateEvery: Duration(24 * time.Hour), Keep: 7},
		Evidence: Evidence{Keep: true, MaxBytes: 1 << 30, Before: 16, After: 16, Ring: 16 << 20},
		Health:   Health{Address: "127.0.0.1:9470"},
		Console:  defaultConsole(),
		Store:    defaultStore(),
		Bus:      defaultBus(),
	}
}

// Load reads a file; keys that are left out keep their defaults. checks add
// their complaints to the others.
func Load(path string, checks ...Check) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &FileError{Err: err}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	err = errors.Join(err, f.Close())
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	return Parse(path, text, checks...)
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

// Errors are all complaints about one document, in its order.
type Errors []*rule.Error

// Error prints every complaint: place and message, the line with a caret, the
// hint.
func (e Errors) Error() string { return rule.Errors(e).Error() }

// Hint says where the keys are described.
func (e Errors) Hint() string { return "the keys are described in docs/config.md" }

// Parse reads a document over the defaults. name stands in the errors, which
// are of type Errors: all that is wrong, also with what checks look at. Warnings
// are left out; Examine has them.
func Parse(name string, text []byte, checks ...Check) (*Config, error) {
	c, errs, _ := Examine(name, text, checks...)
	if len(errs) > 0 {
		return nil, errs
	}
	return c, nil
}

// Examine is Parse that tells warnings, too: what holds as it is written, and is
// hardly meant. The configuration is nil when there are errors.
func Examine(name string, text []byte, checks ...Check) (c *Config, errs, warnings Errors) {
	k := &Checker{name: name, pruned: map[*yaml.Node]bool{}}
	if len(text) > maxBytes {
		k.put(1, 1, "", "", fmt.Sprintf("want at most %d bytes", maxBytes))
		return nil, k.errs, nil
	}
	k.lines = strings.Split(string(text), "\n")
	if !k.read(text) {
		return nil, sorted(k.errs), nil
	}
	c = Default()
	k.checkTop()
	k.walk(k.root, reflect.TypeFor[Config]())
	if err := k.root.Decode(c); err != nil && len(k.errs) == 0 {
		k.syntax(err)
	}
	c.validate(k)
	for _, check := range checks {
		check(c, k)
	}
	if len(k.errs) > 0 {
		c = nil
	}
	return c, sorted(k.errs), sorted(k.warnings)
}

// read parses the YAML; it returns false when nothing more can be said.
func (k *Checker) read(text []byte) bool {
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			k.put(1, 1, "", "", fmt.Sprintf("the document is empty: want version: %d", Version))
			return false
		}
		k.syntax(err)
		return false
	}
	var next yaml.Node
	if err := d.Decode(&next); err == nil {
		k.complain(&next, "", "want one YAML document, got another one")
	} else if !errors.Is(err, io.EOF) {
		k.syntax(err)
	}
	k.root = doc.Content[0]
	k.withoutAliases(k.root)
	if k.root.Kind != yaml.MappingNode {
		k.complain(k.root, "", "want sections such as sensor:, got something else")
		return false
	}
	return true
}

// checkTop looks at the version and for reserved sections, which it takes out
// of the document.
func (k *Checker) checkTop() {
	version := false
	for i := 0; i+1 < len(k.root.Content); {
		key := k.root.Content[i]
		hint, isReserved := reserved()[key.Value]
		switch {
		case key.Value == "version":
			version = true
		case isReserved:
			k.complain(key, hint, "section %s is reserved for a later version", key.Value)
			k.root.Content = slices.Delete(k.root.Content, i, i+2)
			continue
		}
		i += 2
	}
	if !version {
		k.put(1, 1, "", "", fmt.Sprintf("want version: %d", Version))
	}
}

// syntax complains about what yaml can't read: "yaml: line 5: …". Of the line
// no more than its key is shown: what stands there is not known, and may be a
// secret.
func (k *Checker) syntax(err error) {
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 1
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		if n, text, ok := strings.Cut(rest, ": "); ok {
			if at, err := strconv.Atoi(n); err == nil {
				line, msg = at, text
			}
		}
	}
	text, shown := k.line(line), ""
	if i := strings.IndexByte(text, ':'); i >= 0 {
		shown = text[:i+1] + " ..."
	}
	k.put(line, len(text)-len(strings.TrimLeft(text, " \t"))+1, shown, "", msg)
}

// Decode decodes the settings of an action of a checked document.
func (r *Respond) Decode(into any) error {
	if r.With.Kind == 0 {
		return nil
	}
	return r.With.Decode(into)
}
