package appid

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// App is one application of the catalogue; immutable.
type App struct {
	Name        string
	Description string
	Category    string
	Subcategory string
	Technology  string
	Risk        uint8    // 1 to 5
	Ports       []string // default ports as written: "tcp/443", "udp/53"
	SaaS        bool
	Evasive     bool // hides, hops ports, or tunnels others

	id    uint16
	ports map[uint32]bool // transport<<16|port
}

// DefaultPort reports whether the application uses port by default.
func (a *App) DefaultPort(ipProto uint8, port uint16) bool {
	return a.ports[uint32(ipProto)<<16|uint32(port)]
}

// Catalogue is the set of known applications and how to tell them; immutable,
// shared by all workers.
type Catalogue struct {
	apps     []*App
	byName   map[string]*App
	decoders map[string]*App // protocol name → base application
	alpn     map[string]*App
	agents   []agentRule
	hosts    hostTable
	ipProtos [256]*App
	patterns [2]patternTable // TCP, UDP
}

type agentRule struct {
	text string
	app  *App
}

// Apps returns the applications by name.
func (c *Catalogue) Apps() []*App { return c.apps }

// ByName returns an application, or nil.
func (c *Catalogue) ByName(name string) *App { return c.byName[name] }

// entry is one application as written in YAML.
type entry struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Category    string   `yaml:"category"`
	Subcategory string   `yaml:"subcategory"`
	Technology  string   `yaml:"technology"`
	Risk        uint8    `yaml:"risk"`
	Ports       []string `yaml:"ports"`
	SaaS        bool     `yaml:"saas"`
	Evasive     bool     `yaml:"evasive"`
	Match       matches  `yaml:"match"`

	line int
}

// matches are the ways to tell an application; any one of them is enough.
type matches struct {
	// Decoders are protocols whose parser alone means this application.
	Decoders []string `yaml:"decoders"`
	// Hosts are names: "example.com" is that name and all below it,
	// "=example.com" only itself.
	Hosts []string `yaml:"hosts"`
	// AWSServices are labels of names below amazonaws.com and api.aws.
	AWSServices []string `yaml:"aws_services"`
	ALPN        []string `yaml:"alpn"`
	// Agents are the beginnings of HTTP user agents.
	Agents []string `yaml:"agents"`
	// IPProtos are IP protocol numbers.
	IPProtos []uint8 `yaml:"ip_protos"`
	// First are patterns of the first bytes.
	First []firstBytes `yaml:"first"`
}

// maxYAML bounds one catalogue file.
const maxYAML = 4 << 20

// Load reads every *.yaml of fsys. All complaints are joined; each names file
// and line.
func Load(fsys fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("no *.yaml file")
	}
	c := &Catalogue{byName: map[string]*App{}, decoders: map[string]*App{}, alpn: map[string]*App{}}
	c.hosts.init()
	var errs []error
	for _, n := range names {
		entries, err := readFile(fsys, n)
		errs = append(errs, err)
		for _, e := range entries {
			if err := c.add(e); err != nil {
				errs = append(errs, fmt.Errorf("%s:%d: %s: %w", n, e.line, cmp.Or(e.Name, "application"), err))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.finish()
	return c, nil
}

func readFile(fsys fs.FS, name string) ([]entry, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	if len(text) > maxYAML {
		return nil, fmt.Errorf("%s: want at most %d bytes, got %d", name, maxYAML, len(text))
	}
	var doc []yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var out []entry
	var errs []error
	for i := range doc {
		e, err := decodeEntry(&doc[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: %w", name, doc[i].Line, err))
			continue
		}
		out = append(out, e)
	}
	return out, errors.Join(errs...)
}

// decodeEntry decodes strictly: a key that is not known is an error.
func decodeEntry(n *yaml.Node) (entry, error) {
	e := entry{line: n.Line}
	text, err := yaml.Marshal(n)
	if err != nil {
		return e, err
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&e); err != nil && !errors.Is(err, io.EOF) {
		return e, err
	}
	return e, nil
}

// add checks an entry and files its matches.
func (c *Catalogue) add(e entry) error {
	app, err := newApp(&e)
	if err != nil {
		return err
	}
	if c.byName[app.Name] != nil {
		return errors.New("the name is taken already")
	}
	if len(c.apps) >= 1<<16-1 {
		return errors.New("too many applications")
	}
	app.id = uint16(len(c.apps))
	c.apps = append(c.apps, app)
	c.byName[app.Name] = app
	return c.addMatches(app, &e.Match)
}

func newApp(e *entry) (*App, error) {
	if !isName(e.Name) {
		return nil, fmt.Errorf("name: want lower-case letters, digits and hyphens, got %q", e.Name)
	}
	if e.Risk < 1 || e.Risk > 5 {
		return nil, fmt.Errorf("risk: want 1 to 5, got %d", e.Risk)
	}
	for _, f := range [...]struct{ key, value string }{
		{"description", e.Description}, {"category", e.Category},
		{"subcategory", e.Subcategory}, {"technology", e.Technology},
	} {
		if f.value == "" {
			return nil, fmt.Errorf("%s: want a value", f.key)
		}
	}
	a := &App{
		Name: e.Name, Description: e.Description, Category: e.Category, Subcategory: e.Subcategory,
		Technology: e.Technology, Risk: e.Risk, Ports: e.Ports, SaaS: e.SaaS, Evasive: e.Evasive,
		ports: map[uint32]bool{},
	}
	for _, p := range e.Ports {
		key, err := parsePort(p)
		if err != nil {
			return nil, err
		}
		a.ports[key] = true
	}
	return a, nil
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// parsePort reads "tcp/443".
func parsePort(s string) (uint32, error) {
	t, num, _ := strings.Cut(s, "/")
	proto := map[string]uint32{"tcp": 6, "udp": 17}[t]
	n, err := strconv.ParseUint(num, 10, 16)
	if proto == 0 || err != nil {
		return 0, fmt.Errorf("ports: want tcp/NUMBER or udp/NUMBER, got %q", s)
	}
	return proto<<16 | uint32(n), nil
}

func (c *Catalogue) addMatches(app *App, m *matches) error {
	var errs []error
	for _, d := range m.Decoders {
		if c.decoders[d] != nil {
			errs = append(errs, fmt.Errorf("decoders: %s belongs to %s", d, c.decoders[d].Name))
		}
		c.decoders[d] = app
	}
	for _, p := range m.ALPN {
		c.alpn[p] = app
	}
	for _, a := range m.Agents {
		c.agents = append(c.agents, agentRule{a, app})
	}
	for _, p := range m.IPProtos {
		c.ipProtos[p] = app
	}
	for _, h := range m.Hosts {
		errs = append(errs, c.hosts.add(h, app))
	}
	for _, s := range m.AWSServices {
		c.hosts.aws[s] = app
	}
	for i := range m.First {
		errs = append(errs, c.addPattern(app, &m.First[i]))
	}
	return errors.Join(errs...)
}

// finish sorts what is searched in order.
func (c *Catalogue) finish() {
	slices.SortFunc(c.apps, func(a, b *App) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(c.agents, func(a, b agentRule) int { return len(b.text) - len(a.text) })
	for i := range c.patterns {
		c.patterns[i].finish()
	}
}
