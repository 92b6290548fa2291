package panos

import (
	"maps"
	"slices"
	"strconv"
)

func (im *importer) mgtConfig(n *Node, path string) {
	for _, k := range n.Kids {
		at := path + k.step()
		if k.Name != "users" {
			im.keep(at, "the sensor's own rules for passwords and roles hold")
			continue
		}
		im.named(k, at, im.user)
	}
}

// user takes an account's name and role; what proves who it is stays behind.
func (im *importer) user(e *Node, path string) {
	x := &fields{im: im, n: e, path: path, used: make([]bool, len(e.Kids)), status: Kept, reason: "the account is not made: make it anew, with a password of its own"}
	a := Admin{Name: x.name(), Role: "auditor"}
	if r := x.kid("permissions").Kid("role-based"); r != nil && len(r.Kids) > 0 {
		a.Role = r.Kids[0].Name
	}
	im.sys.Admins = append(im.sys.Admins, a)
	im.rep.NeedsPassword = true
	for _, secret := range []string{"phash", "password", "public-key"} {
		if x.kid(secret) != nil {
			im.item(path+"/"+secret, Refused, "no password hash or key of a file is accepted")
		}
	}
	x.kid("client-certificate-only")
	im.warn(path, "the account comes without its secret", "set a password before the commit")
	x.kid("preferences")
	x.done()
}

func (im *importer) deviceConfig(n *Node, path string) {
	for _, k := range n.Kids {
		at := path + k.step()
		switch k.Name {
		case "system":
			im.system(k, at)
		case "setting":
			im.setting(k, at)
		default:
			im.keep(at, "")
		}
	}
}

const banner = "no setting shows a banner"

func (im *importer) system(n *Node, path string) {
	for _, k := range n.Kids {
		at := path + k.step()
		switch k.Name {
		case "hostname":
			im.sys.Hostname = k.Text
			im.keep(at, "the host has its own name")
		case "timezone":
			im.sys.Timezone = k.Text
			im.keep(at, "records are in UTC")
		case "login-banner":
			im.sys.LoginBanner = k.Text
			im.keep(at, banner)
		case "ack-login-banner":
			im.keep(at, banner)
		case "motd-and-banner":
			im.sys.Motd = k.Kid("message").String()
			im.keep(at, banner)
		case "update-schedule":
			im.updates(k, at)
		case "service":
			im.item(at, Supported, "telnet and HTTP are never spoken")
		case "snmp-setting", "ssh", "ntp-servers", "dns-setting", "type", "update-server", "server-verification", "ip-address", "netmask", "default-gateway":
			im.keep(at, "the business of the host")
		default:
			im.keep(at, "")
		}
	}
}

func (im *importer) updates(n *Node, path string) {
	for _, k := range n.Kids {
		at, when := path+k.step(), ""
		if r := k.Kid("recurring"); r != nil && len(r.Kids) > 0 {
			when = r.Kids[0].Name + " " + r.Kids[0].Kid("at").String()
		}
		im.sys.UpdateSchedules = append(im.sys.UpdateSchedules, k.Name+" "+when)
		im.item(at, Translated, "rules come from rules.sources by `mirrorwall rules update`: schedule it "+when)
	}
}

func (im *importer) setting(n *Node, path string) {
	for _, k := range n.Kids {
		for _, s := range k.Kids {
			at := path + k.step() + s.step()
			switch k.Name + "/" + s.Name {
			case "config/rematch":
				im.item(at, Supported, "a new policy holds for new flows and at each change of application")
			case "management/initcfg":
				im.item(at, Refused, "names and keys of people are not taken")
				im.warn(at, "personal data in the imported configuration: names, keys of its first start", "take it out of the file before it is shared")
			case "management/hostname-type-in-syslog":
				im.keep(at, "the names of hosts are the host's business")
			case "session/tcp-reject-non-syn":
				if im.sys.RejectsMidstreamTCP = s.Text == "yes"; im.sys.RejectsMidstreamTCP {
					im.keep(at, "a mirror begins in the middle of sessions")
					im.warn(at, "sessions are read from their middle in any case", "")
				} else {
					im.item(at, Supported, "sessions are read from their middle")
				}
			case "jumbo-frame/mtu":
				im.item(at, Translated, "listeners take packets of each size")
			default:
				im.keep(at, "")
			}
		}
		if len(k.Kids) == 0 {
			im.keep(path+k.step(), "")
		}
	}
}

func (im *importer) network(n *Node, path string) {
	http := map[string]bool{} // of each management profile: does it answer
	used := map[string]string{}
	im.management(n.At("profiles", "interface-management-profile"), path+"/profiles/interface-management-profile", http)
	for _, k := range n.Kids {
		at := path + k.step()
		switch k.Name {
		case "interface":
			im.interfaces(k, at, used)
		case "profiles":
			for _, p := range k.Kids {
				switch p.Name {
				case "interface-management-profile":
				case "zone-protection-profile":
					im.list(p, at+p.step(), false, im.zoneProtection)
				default:
					im.keep(at+p.step(), "")
				}
			}
		case "virtual-router":
			im.keep(at, "routes are the host's")
			im.warn(at, "the answers to health probes take the host's routes", "look at `ip route` of the sensor")
		default:
			im.keep(at, "a sensor routes, encrypts and shapes nothing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		where := used[name]
		im.sys.HealthOverHTTP = im.sys.HealthOverHTTP || http[name]
		if on, known := http[name]; known && !on {
			im.warn(where, "HTTP is off on a management profile in use: a load balancer's probe of port 80 fails", "probe the sensor's health listener: health.address and /readyz")
		}
	}
}

func (im *importer) management(n *Node, path string, http map[string]bool) {
	for _, e := range n.Entries() {
		at := path + e.step()
		http[e.Attr("name")] = e.Kid("http").String() == "yes"
		for _, k := range e.Kids {
			switch k.Name {
			case "http":
				im.item(at+"/http", Translated, "the health listener")
			case "https":
				im.item(at+"/https", Translated, "the console")
			case "ping":
				im.item(at+"/ping", Translated, "the host answers")
			default:
				im.keep(at+k.step(), "")
			}
		}
	}
}

func (im *importer) interfaces(n *Node, path string, used map[string]string) {
	for _, k := range n.Kids {
		at := path + k.step()
		if k.Name != "ethernet" {
			im.keep(at, "")
			continue
		}
		im.named(k, at, func(e *Node, p string) {
			x := &fields{im: im, n: e, path: p, used: make([]bool, len(e.Kids)), status: Translated, reason: "a listener of sensor.listen"}
			i := Interface{Name: x.name()}
			l := x.sub("layer3")
			i.MTU = min(l.number("mtu"), 1<<16)
			if m := l.text("interface-management-profile"); m != "" {
				used[m] = p + "/layer3/interface-management-profile"
			}
			if i.MTU > 0 {
				x.reason += ", which takes packets of each size (mtu " + strconv.Itoa(i.MTU) + ")"
			}
			l.rest()
			x.done()
			im.sys.Interfaces = append(im.sys.Interfaces, i)
		})
	}
}
