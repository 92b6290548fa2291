package panos

import (
	"slices"
	"strconv"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// objects reads the lists of objects; false when n is none of them.
func (im *importer) objects(n *Node, path string, shared bool) bool {
	d := im.doc
	var read func(x *fields)
	switch n.Name {
	case "address":
		read = func(x *fields) {
			a := policy.Address{Name: x.name(), Network: x.text("ip-netmask"), Range: x.text("ip-range"), FQDN: x.text("fqdn"),
				Tags: x.members("tag"), Description: x.text("description")}
			if a.Network == "" && a.Range == "" && a.FQDN == "" {
				x.status, x.reason = Kept, "an address of this kind is not known here"
				im.warn(x.path, "the address has none of ip-netmask, ip-range, fqdn", "rules that name it don't compile: give it a network")
				return
			}
			d.Addresses = append(d.Addresses, a)
		}
	case "address-group":
		read = func(x *fields) {
			dynamic := x.sub("dynamic")
			d.AddressGroups = append(d.AddressGroups, policy.AddressGroup{Name: x.name(), Members: x.kid("static").Members(),
				Filter: dynamic.text("filter"), Tags: x.members("tag"), Description: x.text("description")})
			dynamic.rest()
		}
	case "service":
		read = im.service
	case "service-group":
		read = func(x *fields) {
			d.ServiceGroups = append(d.ServiceGroups, policy.Group{Name: x.name(), Members: x.kid("members").Members(), Tags: x.members("tag")})
		}
	case "application-group":
		read = func(x *fields) {
			d.ApplicationGroups = append(d.ApplicationGroups, policy.Group{Name: x.name(), Members: x.kid("members").Members(), Tags: x.members("tag")})
		}
	case "application-filter":
		read = im.applicationFilter
	case "custom-url-category":
		read = func(x *fields) {
			x.drop("type", "the list is read as URLs", "URL List")
			d.URLCategories = append(d.URLCategories, policy.URLCategory{Name: x.name(), List: x.kid("list").Members(), Description: x.text("description")})
		}
	case "external-list":
		read = im.externalList
	case "schedule":
		read = im.schedule
	case "region":
		read = im.region
	default:
		return false
	}
	im.list(n, path, shared, read)
	return true
}

func (im *importer) service(x *fields) {
	all := x.sub("protocol")
	s := policy.Service{Name: x.name(), Tags: x.members("tag"), Description: x.text("description")}
	for _, proto := range []string{"tcp", "udp", "sctp"} {
		if all.n.Kid(proto) == nil {
			continue
		}
		p := all.sub(proto)
		s.Protocol, s.Ports, s.SourcePorts = proto, p.text("port"), p.text("source-port")
		if o := p.kid("override"); o != nil && o.Kid("yes") != nil {
			im.keep(p.path+"/override", "timeouts of a service have no effect")
		}
		p.rest()
		break
	}
	all.rest()
	if s.Protocol == "" {
		x.status, x.reason = Kept, "the service names no protocol of tcp, udp, sctp"
		return
	}
	im.doc.Services = append(im.doc.Services, s)
}

func (im *importer) applicationFilter(x *fields) {
	f := policy.ApplicationFilter{Name: x.name(), Categories: x.members("category"), Subcategories: x.members("subcategory"),
		Technologies: x.members("technology")}
	for _, r := range x.members("risk") {
		n, err := strconv.Atoi(r)
		if err != nil {
			im.warn(x.path+"/risk", "want 1 to 5, got "+strconv.Quote(clip(r)), "")
			continue
		}
		f.Risks = append(f.Risks, n)
	}
	tagging := x.sub("tagging")
	f.Tags = tagging.members("tag")
	tagging.rest()
	im.doc.ApplicationFilters = append(im.doc.ApplicationFilters, f)
}

func (im *importer) externalList(x *fields) {
	all := x.sub("type")
	for _, kind := range []string{"ip", "domain", "url"} {
		if all.n.Kid(kind) == nil {
			continue
		}
		t := all.sub(kind)
		l := policy.ExternalList{Name: x.name(), Type: kind, URL: t.url("url"), Exceptions: t.kid("exception-list").Members()}
		if r := t.kid("recurring"); r != nil && len(r.Kids) > 0 {
			l.Every = r.Kids[0].Name
			if len(r.Kids[0].Kids) > 0 {
				im.keep(t.path+"/recurring/"+l.Every, "when in its period a list is fetched is the sensor's choice")
			}
		}
		t.text("description")
		t.drop("certificate-profile", "the system's certificates are used", "None")
		if t.kid("auth") != nil {
			im.item(t.path+"/auth", Refused, "a password of the file is not taken")
			im.warn(t.path+"/auth", "the list's credentials are not taken", "")
		}
		t.rest()
		all.rest()
		im.doc.ExternalLists = append(im.doc.ExternalLists, l)
		return
	}
	x.status, x.reason = Kept, "the list is the vendor's own"
	im.warn(x.path, "predefined lists are the vendor's and not to be had", "name an open list by its URL")
	all.rest()
}

func weekdays() []string {
	return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
}

func (im *importer) schedule(x *fields) {
	s := policy.Schedule{Name: x.name()}
	t := x.sub("schedule-type")
	r := t.sub("recurring")
	for _, m := range r.kid("daily").Members() {
		s.Times = append(s.Times, "daily "+m)
	}
	weekly := r.sub("weekly")
	for _, day := range weekdays() {
		for _, m := range weekly.kid(day).Members() {
			s.Times = append(s.Times, day+" "+m)
		}
	}
	weekly.rest()
	r.rest()
	s.Times = append(s.Times, t.kid("non-recurring").Members()...)
	t.rest()
	x.reason = "times are read as UTC"
	x.status = Translated
	im.doc.Schedules = append(im.doc.Schedules, s)
}

// region makes a custom region an address group of its networks.
func (im *importer) region(x *fields) {
	x.kid("geo-location")
	x.status, x.reason = Translated, "an address group of its networks"
	g := policy.AddressGroup{Name: x.name()}
	for _, m := range x.kid("address").Members() {
		name := x.name() + " " + m
		if !slices.ContainsFunc(im.doc.Addresses, func(a policy.Address) bool { return a.Name == name }) {
			im.doc.Addresses = append(im.doc.Addresses, policy.Address{Name: name, Network: m})
		}
		g.Members = append(g.Members, name)
	}
	im.doc.AddressGroups = append(im.doc.AddressGroups, g)
}

func (im *importer) zones(n *Node, path string) {
	im.list(n, path, false, func(x *fields) {
		net := x.sub("network")
		for _, kind := range []string{"layer3", "layer2", "tap", "virtual-wire", "tunnel", "external"} {
			for _, name := range net.kid(kind).Members() {
				for i := range im.sys.Interfaces {
					if im.sys.Interfaces[i].Name == name {
						im.sys.Interfaces[i].Zone = x.name()
					}
				}
				x.reason = "its interfaces mean nothing on a mirror"
			}
		}
		net.drop("zone-protection-profile", "zone protection of a zone is not enforced on a mirror")
		net.drop("log-setting", "logs of zone protection are forwarded by rules")
		net.rest()
		x.drop("enable-user-identification", "a mirror shows no users")
		if x.status = Translated; x.reason == "" {
			x.reason = "a zone without networks holds nothing yet"
		}
		im.doc.Zones = append(im.doc.Zones, policy.Zone{Name: x.name()})
		im.warn(x.path, "zones are by network here, not by interface", "give the zone networks, vnis, vpcs or tags: policy.zones")
	})
}
