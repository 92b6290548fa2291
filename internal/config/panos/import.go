package panos

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// deviceLogs is the log forwarding profile that holds the match lists of
// Device > Log Settings, which no rule names.
const deviceLogs = "device log settings"

// Admin is an account of the file: never with its secret.
type Admin struct {
	Name string
	Role string // superuser, deviceadmin …
}

// System is what a device configuration says beside its policy.
type System struct {
	Hostname, Timezone  string
	LoginBanner, Motd   string
	Admins              []Admin
	Interfaces          []Interface
	HealthOverHTTP      bool // a management profile in use answers on port 80
	UpdateSchedules     []string
	RejectsMidstreamTCP bool
}

// Interface is a data interface.
type Interface struct {
	Name, Zone string
	MTU        int
}

// Result is what an import gives.
type Result struct {
	Policy policy.Document
	System System
	Report Report
}

// RefusedError says that a file is not a configuration of one device.
type RefusedError struct {
	ParseError
}

// importer walks the tree; what no case names is kept.
type importer struct {
	tree *Tree
	doc  *policy.Document
	sys  *System
	rep  *Report
	// shared has the objects that stand in <shared>, as section/name.
	shared map[string]bool
	logs   []policy.LogMatch
	ext    *Node
}

// Import reads the policy of a device configuration and says of each element
// what became of it. Configurations of Panorama and of several virtual systems
// are refused with a *RefusedError.
func Import(t *Tree) (*Result, error) {
	res, _, err := read(t)
	return res, err
}

func read(t *Tree) (*Result, *importer, error) {
	res := &Result{Report: Report{Version: t.Version}}
	im := &importer{tree: t, doc: &res.Policy, sys: &res.System, rep: &res.Report, shared: map[string]bool{}}
	if err := im.check(); err != nil {
		return nil, nil, err
	}
	im.version()
	im.config(t.Config)
	if len(im.logs) > 0 {
		im.doc.LogForwarding = append(im.doc.LogForwarding, policy.LogForwards{Name: deviceLogs, Match: im.logs})
	}
	im.predefined()
	im.extension()
	im.lint()
	return res, im, nil
}

// check refuses what is not a configuration of one device.
func (im *importer) check() error {
	refuse := func(n *Node, msg, hint string) error {
		return &RefusedError{*im.tree.fail(n.start, msg, hint)}
	}
	const hint = "export the configuration of the firewall itself: Panorama merges its rules into it with Export or push device config bundle"
	c := im.tree.Config
	if n := c.Kid("panorama"); n != nil {
		return refuse(n, "this is a configuration of Panorama, not of a device", hint)
	}
	devices := c.Kid("devices").Entries()
	for _, d := range devices {
		for _, name := range []string{"device-group", "template", "template-stack", "log-collector-group"} {
			if n := d.Kid(name); n != nil {
				return refuse(n, fmt.Sprintf("this is a configuration of Panorama: it has <%s>", name), hint)
			}
		}
	}
	if len(devices) > 1 {
		return refuse(devices[1], "want one device, got several", "export one device at a time")
	}
	places := []*Node{c.Kid("shared")}
	for _, d := range devices {
		vsys := d.Kid("vsys").Entries()
		if len(vsys) > 1 {
			return refuse(vsys[1], fmt.Sprintf("want one virtual system, got %d", len(vsys)),
				"their objects share names: export each virtual system on its own and import one to a sensor")
		}
		places = append(places, vsys...)
	}
	for _, p := range places {
		for _, name := range []string{"pre-rulebase", "post-rulebase"} {
			if n := p.Kid(name); n != nil {
				return refuse(n, fmt.Sprintf("this is a configuration of Panorama: it has <%s>", name), hint)
			}
		}
	}
	return nil
}

// version warns about versions whose schema nobody compared.
func (im *importer) version() {
	major, rest, _ := strings.Cut(im.tree.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err := strconv.Atoi(major)
	b, _ := strconv.Atoi(minor)
	switch {
	case im.tree.Version == "":
		im.warn("/config", "the file does not say its version", "read as 10.1")
	case err != nil || a < 8 || a > 11 || (a == 8 && b < 1):
		im.warn("/config", "version "+im.tree.Version+" is not one of 8.1 to 11.x", "elements that changed their meaning are not known: read the report")
	}
	im.item("/config[@version]", Supported, "version "+im.tree.Version)
}

func (im *importer) item(path string, s Status, reason string) {
	im.rep.Items = append(im.rep.Items, Item{path, s, reason})
}

func (im *importer) warn(path, msg, hint string) {
	im.rep.Warnings = append(im.rep.Warnings, Finding{path, msg, hint})
}

func (im *importer) config(c *Node) {
	for _, n := range c.Kids {
		path := "/config" + n.step()
		switch n.Name {
		case "mgt-config":
			im.mgtConfig(n, path)
		case "shared":
			im.vsys(n, path, true)
		case "devices":
			for _, d := range n.Kids {
				im.device(d, path+d.step())
			}
		case extensionName:
			im.ext = n
		default:
			im.keep(path, "")
		}
	}
}

// keep says that nothing comes of an element; without a reason, that it is not
// known.
func (im *importer) keep(path, reason string) {
	if reason == "" {
		reason = "the sensor has nothing of its kind"
	}
	im.item(path, Kept, reason)
}

func (im *importer) device(d *Node, path string) {
	if d.Name != "entry" {
		im.keep(path, "")
		return
	}
	// Zones name interfaces: the network comes first.
	for _, pass := range []string{"network", "deviceconfig", "vsys", ""} {
		for _, n := range d.Kids {
			at := path + n.step()
			switch {
			case n.Name == "network" && pass == "network":
				im.network(n, at)
			case n.Name == "deviceconfig" && pass == "deviceconfig":
				im.deviceConfig(n, at)
			case n.Name == "vsys" && pass == "vsys":
				for _, v := range n.Kids {
					im.vsys(v, at+v.step(), false)
				}
			case pass == "" && n.Name != "network" && n.Name != "deviceconfig" && n.Name != "vsys":
				im.keep(at, "")
			}
		}
	}
}

// vsys reads a virtual system, or the shared objects, which have the same form.
func (im *importer) vsys(v *Node, path string, shared bool) {
	for _, n := range v.Kids {
		at := path + n.step()
		if im.objects(n, at, shared) {
			continue
		}
		switch n.Name {
		case "rulebase":
			im.rulebase(n, at)
		case "zone":
			im.zones(n, at)
		case "profiles":
			im.profiles(n, at, shared)
		case "profile-group":
			im.profileGroups(n, at, shared)
		case "log-settings":
			im.logSettings(n, at, shared)
		case "tag":
			im.named(n, at, func(e *Node, p string) { im.item(p, Supported, "rules and objects name it; its colour is kept") })
		case "application":
			im.named(n, at, func(e *Node, p string) {
				im.warn(p, "custom application: its signature is not used, rules that name it don't fit", "write it as an application of the sensor")
				im.keep(p, "custom applications are kept, their signatures have no effect")
			})
		case "botnet":
			im.keep(at, "the botnet report is kept, it has no effect")
		case "threats":
			im.keep(at, "custom signatures are kept: write them as rules of the sensor")
		case "import":
			im.keep(at, "interfaces of the device")
		case "display-name":
			im.item(at, Supported, n.Text)
		default:
			im.keep(at, "")
		}
	}
}

// named calls f for each entry of a list, keeps the rest, and says so of an
// empty list.
func (im *importer) named(n *Node, path string, f func(e *Node, path string)) {
	if len(n.Kids) == 0 {
		im.item(path, Supported, "empty")
	}
	for _, e := range n.Kids {
		if e.Name != "entry" {
			im.keep(path+e.step(), "")
			continue
		}
		f(e, path+e.step())
	}
}

// list is named for objects: each gives one item, and is remembered when it is
// shared.
func (im *importer) list(n *Node, path string, shared bool, f func(x *fields)) {
	im.named(n, path, func(e *Node, p string) {
		if shared {
			im.shared[n.Name+"/"+e.Attr("name")] = true
		}
		x := &fields{im: im, n: e, path: p, used: make([]bool, len(e.Kids)), status: Supported}
		f(x)
		x.done()
	})
}

// fields reads the children of an entry and knows which were read.
type fields struct {
	im     *importer
	n      *Node
	path   string
	used   []bool
	status Status
	reason string
}

func (x *fields) name() string { return x.n.Attr("name") }

func (x *fields) kid(name string) *Node {
	var found *Node
	for i, k := range x.n.Kids {
		if k.Name == name {
			x.used[i] = true
			if found == nil {
				found = k
			}
		}
	}
	return found
}

// sub reads the children of a child, which may be missing.
func (x *fields) sub(name string) *fields {
	k := x.kid(name)
	if k == nil {
		k = &Node{Name: name}
	}
	return &fields{im: x.im, n: k, path: x.path + "/" + name, used: make([]bool, len(k.Kids)), status: x.status}
}

func (x *fields) text(name string) string { return x.kid(name).String() }
func (x *fields) yes(name string) bool    { return x.text(name) == "yes" }

// members are the list's, nil for "any".
func (x *fields) members(name string) []string {
	return notAny(x.kid(name).Members())
}

func notAny(list []string) []string {
	if len(list) == 1 && list[0] == "any" {
		return nil
	}
	return list
}

// anyText is a text, empty for "any".
func (x *fields) anyText(name string) string {
	if s := x.text(name); s != "any" {
		return s
	}
	return ""
}

func (x *fields) number(name string) int {
	s := x.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		x.im.warn(x.path+"/"+name, fmt.Sprintf("want a number, got %q", clip(s)), "")
		return 0
	}
	return n
}

func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:60], "") + "…"
	}
	return s
}

// drop reads a child that has no effect, and says so when it says something
// else than one of the harmless values.
func (x *fields) drop(name, reason string, harmless ...string) {
	k := x.kid(name)
	if k == nil || (len(k.Kids) == 0 && (k.Text == "" || k.Text == "no" || k.Text == "any")) {
		return
	}
	if m := k.Members(); len(m) == 1 && m[0] == "any" && len(k.Kids) == 1 {
		return
	}
	for _, h := range harmless {
		if k.Text == h {
			return
		}
	}
	x.im.keep(x.path+"/"+name, reason)
}

// rest keeps the children that were not read.
func (x *fields) rest() {
	for i, k := range x.n.Kids {
		if !x.used[i] {
			x.im.keep(x.path+k.step(), "")
		}
	}
}

// done writes the entry's item, and those of what was not read.
func (x *fields) done() {
	x.im.item(x.path, x.status, x.reason)
	x.rest()
}

// action is the name of the only child: <action><alert/></action>.
func (x *fields) action(name string) string {
	k := x.kid(name)
	if k == nil {
		return ""
	}
	if len(k.Kids) > 0 {
		return k.Kids[0].Name
	}
	return k.Text
}
