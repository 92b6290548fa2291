package appid

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/packet"
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

	match matches
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
	aws      map[string]*App // service labels
	certs    map[string]*App // names in certificates
	portRule []portRule
	http     []httpRule
	agents   []agentRule
	hosts    hostTable
	ipProtos [256]*App
	icmp     [256]*App        // by ICMPv4 type, before ipProtos
	patterns [2]patternTable  // TCP, UDP
	refining map[string]*refs // decoder → the patterns that refine it
}

// refs are the refining patterns of one decoder by transport.
type refs [2]bool

// portRule refines a decoder by the port that is registered for the
// combination alone.
type portRule struct {
	decoder string
	port    uint16
	labels  [][]byte // one must begin the host name; none: no condition
	app     *App
}

type agentRule struct {
	text string
	app  *App
}

// httpRule refines HTTP by what a transaction shows; every given part must
// hold.
type httpRule struct {
	path, contains, contentType, server string
	ports                               []uint16
	app                                 *App
}

// Apps returns the applications by name.
func (c *Catalogue) Apps() []*App { return c.apps }

// ByName returns an application, or nil.
func (c *Catalogue) ByName(name string) *App { return c.byName[name] }

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
	c := &Catalogue{
		byName: map[string]*App{}, decoders: map[string]*App{}, alpn: map[string]*App{},
		aws: map[string]*App{}, certs: map[string]*App{}, refining: map[string]*refs{},
	}
	c.hosts.init(c.aws)
	var errs []error
	for _, n := range names {
		entries, err := readFile(fsys, n)
		errs = append(errs, err)
		for i := range entries {
			e := &entries[i]
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

// add checks an entry and files its matches.
func (c *Catalogue) add(e *entry) error {
	app, err := newApp(e)
	if err != nil {
		return err
	}
	if c.byName[app.Name] != nil {
		return errors.New("the name is taken already")
	}
	c.apps = append(c.apps, app)
	c.byName[app.Name] = app
	return c.addMatches(app, &e.Match)
}

func newApp(e *entry) (*App, error) {
	if !isName(e.Name) {
		return nil, fmt.Errorf("name: want lower-case letters, digits, dots and hyphens, got %q", e.Name)
	}
	if e.Risk < 1 || e.Risk > 5 {
		return nil, fmt.Errorf("risk: want 1 to 5, got %d", e.Risk)
	}
	for _, f := range [...]struct{ key, value string }{
		{"description", e.Description}, {"category", e.Category},
		{"subcategory", e.Subcategory}, {"technology", e.Technology},
	} {
		if strings.TrimSpace(f.value) == "" {
			return nil, fmt.Errorf("%s: want a value", f.key)
		}
	}
	a := &App{
		Name: e.Name, Description: e.Description, Category: e.Category, Subcategory: e.Subcategory,
		Technology: e.Technology, Risk: e.Risk, Ports: e.Ports, SaaS: e.SaaS, Evasive: e.Evasive,
		match: e.Match, ports: map[uint32]bool{},
	}
	for _, p := range e.Ports {
		if err := a.addPorts(p); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}

// maxRange bounds a range of ports.
const maxRange = 1024

// addPorts reads "tcp/443" or "tcp/6665-6669".
func (a *App) addPorts(s string) error {
	t, num, _ := strings.Cut(s, "/")
	proto := uint32(0)
	switch t {
	case "tcp":
		proto = packet.ProtoTCP
	case "udp":
		proto = packet.ProtoUDP
	}
	lo, hi, isRange := strings.Cut(num, "-")
	if !isRange {
		hi = lo
	}
	first, err1 := strconv.ParseUint(lo, 10, 16)
	last, err2 := strconv.ParseUint(hi, 10, 16)
	if proto == 0 || err1 != nil || err2 != nil || last < first || last-first > maxRange {
		return fmt.Errorf("ports: want tcp/NUMBER, udp/NUMBER or a short range, got %q", s)
	}
	for p := first; p <= last; p++ {
		a.ports[proto<<16|uint32(p)] = true
	}
	return nil
}

// claim files app under key and complains when somebody has it already.
func claim[K comparable](m map[K]*App, what string, key K, app *App) error {
	if other := m[key]; other != nil {
		return fmt.Errorf("%s: %v belongs to %s", what, key, other.Name)
	}
	m[key] = app
	return nil
}

func (c *Catalogue) addMatches(app *App, m *matches) error {
	var errs []error
	for _, d := range m.Decoders {
		errs = append(errs, claim(c.decoders, "decoders", d, app))
	}
	for _, p := range m.ALPN {
		errs = append(errs, claim(c.alpn, "alpn", p, app))
	}
	for _, n := range m.Certs {
		errs = append(errs, claim(c.certs, "certs", n, app))
	}
	for _, s := range m.AWSServices {
		errs = append(errs, claim(c.aws, "aws_services", s, app))
	}
	for _, h := range m.Hosts {
		errs = append(errs, c.hosts.add(h, app))
	}
	errs = append(errs, c.addNumbers(app, m), c.addRules(app, m))
	for i := range m.First {
		errs = append(errs, c.addPattern(app, &m.First[i]))
	}
	return errors.Join(errs...)
}

func (c *Catalogue) addNumbers(app *App, m *matches) error {
	for _, p := range m.IPProtos {
		if c.ipProtos[p] != nil {
			return fmt.Errorf("ip_protos: %d belongs to %s", p, c.ipProtos[p].Name)
		}
		c.ipProtos[p] = app
	}
	for _, t := range m.ICMPTypes {
		if c.icmp[t] != nil {
			return fmt.Errorf("icmp_types: %d belongs to %s", t, c.icmp[t].Name)
		}
		c.icmp[t] = app
	}
	return nil
}

func (c *Catalogue) addRules(app *App, m *matches) error {
	for _, a := range m.Agents {
		if len(a) < 3 {
			return fmt.Errorf("agents: want at least 3 letters, got %q", a)
		}
		c.agents = append(c.agents, agentRule{a, app})
	}
	for _, d := range m.DecoderPorts {
		if d.Decoder == "" || d.Port == 0 {
			return errors.New("decoder_ports: want decoder and port")
		}
		r := portRule{decoder: d.Decoder, port: d.Port, app: app}
		for _, l := range d.Labels {
			r.labels = append(r.labels, []byte(l))
		}
		c.portRule = append(c.portRule, r)
	}
	for _, h := range m.HTTP {
		if h.Path == "" && h.Contains == "" && h.Type == "" && h.Server == "" {
			return errors.New("http: want path, contains, type or server")
		}
		c.http = append(c.http, httpRule{
			path: h.Path, contains: h.Contains, contentType: h.Type, server: h.Server,
			ports: h.Ports, app: app,
		})
	}
	return nil
}

// finish sorts what is searched in order: the longer, more telling text first.
func (c *Catalogue) finish() {
	slices.SortFunc(c.apps, func(a, b *App) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(c.agents, func(a, b agentRule) int { return len(b.text) - len(a.text) })
	for i := range c.patterns {
		c.patterns[i].finish()
	}
}

// agent returns the application of a user agent, or nil.
func (c *Catalogue) agent(ua []byte) *App {
	for i := range c.agents {
		if r := &c.agents[i]; len(ua) >= len(r.text) && string(ua[:len(r.text)]) == r.text {
			return r.app
		}
	}
	return nil
}

// byPort returns the application that a decoder on a port and a host name
// confirm together, or nil.
func (c *Catalogue) byPort(decoder string, port uint16, host []byte) *App {
	for i := range c.portRule {
		r := &c.portRule[i]
		if r.port == port && r.decoder == decoder && r.named(host) {
			return r.app
		}
	}
	return nil
}

func (r *portRule) named(host []byte) bool {
	if len(r.labels) == 0 {
		return true
	}
	for _, l := range r.labels {
		if bytes.HasPrefix(host, l) {
			return true
		}
	}
	return false
}

// transaction returns the application that an HTTP transaction shows, or nil.
func (c *Catalogue) transaction(s *State, path, contentType, server []byte) *App {
	for i := range c.http {
		if c.http[i].holds(s, path, contentType, server) {
			return c.http[i].app
		}
	}
	return nil
}

func (r *httpRule) holds(s *State, path, contentType, server []byte) bool {
	return begins(path, r.path) && begins(contentType, r.contentType) && begins(server, r.server) &&
		(r.contains == "" || bytes.Contains(path[:min(len(path), maxPath)], []byte(r.contains))) &&
		(len(r.ports) == 0 || slices.Contains(r.ports, s.serverPort))
}

// maxPath is how much of a path is searched.
const maxPath = 256

func begins(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
