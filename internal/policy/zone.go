package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gaissmai/bart"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// AssetInfo is what is known of one end of a flow; shared, not to be changed.
type AssetInfo struct {
	ENI, Instance, VPC string
	Tags               []string

	zone int32 // the first zone that takes it by VPC or tag; noZone: none
	vnis vniRange
}

// noZone sorts behind every zone.
const noZone = int32(1<<31 - 1)

// vniRange is a range of VNIs; any: no range.
type vniRange struct {
	first, last uint32
	any         bool
}

func (r vniRange) has(vni uint32) bool { return !r.any && vni >= r.first && vni <= r.last }

// vniTable finds what comes first among ranges of VNIs.
type vniTable struct {
	starts []uint32
	values []int32 // noZone: nothing
}

func (t *vniTable) of(vni uint32) int32 {
	i, found := slices.BinarySearch(t.starts, vni)
	if !found {
		i--
	}
	if i < 0 {
		return noZone
	}
	return t.values[i]
}

// vniUse is a range and its value; the lowest value wins.
type vniUse struct {
	vniRange
	value int32
}

// newVNITable paints the ranges in order of their values, each piece once.
func newVNITable(uses []vniUse) (t vniTable) {
	for _, u := range uses {
		t.starts = append(t.starts, u.first, u.last+1)
	}
	slices.Sort(t.starts)
	t.starts = slices.Compact(t.starts)
	t.values = make([]int32, len(t.starts))
	next := make([]int, len(t.starts)+1) // the piece at or after this one that is bare
	for i := range next {
		next[i] = i
	}
	bare := func(i int) int {
		for next[i] != i {
			next[i] = next[next[i]]
			i = next[i]
		}
		return i
	}
	for i := range t.values {
		t.values[i] = noZone
	}
	slices.SortStableFunc(uses, func(a, b vniUse) int { return cmp.Compare(a.value, b.value) })
	for _, u := range uses {
		i, _ := slices.BinarySearch(t.starts, u.first)
		for i = bare(i); i < len(t.starts) && t.starts[i] <= u.last; i = bare(i) {
			t.values[i] = u.value
			next[i] = i + 1
		}
	}
	return t
}

const vniHint = `VNIs are numbers from 0 to 16777215, or ranges such as "100-199"`

func parseVNIs(s string) (vniRange, bool) {
	lo, hi, isRange := strings.Cut(strings.TrimSpace(s), "-")
	if !isRange {
		hi = lo
	}
	first, err1 := strconv.ParseUint(lo, 10, 24)
	last, err2 := strconv.ParseUint(hi, 10, 24)
	return vniRange{first: uint32(first), last: uint32(last)}, err1 == nil && err2 == nil && first <= last
}

// assetTable finds assets: by address and VNI, by address, by VNI.
type assetTable struct {
	all    []AssetInfo
	byAddr bart.Table[[]int32] // the most special first, those of wider networks included
	byVNI  vniTable
}

// find returns the asset of an address; exact: by its address.
func (t *assetTable) find(vni uint32, hasVNI bool, a netip.Addr) (info *AssetInfo, exact bool) {
	if len(t.all) == 0 {
		return nil, false
	}
	list, _ := t.byAddr.Lookup(a)
	for _, i := range list {
		if as := &t.all[i]; as.vnis.any || hasVNI && as.vnis.has(vni) {
			return as, true
		}
	}
	if hasVNI {
		if i := t.byVNI.of(vni); i != noZone {
			return &t.all[i], false
		}
	}
	return nil, false
}

func (c *compiler) assets() {
	t := &c.p.assets
	own := map[netip.Prefix][]int32{}
	var byVNI []vniUse
	for i, a := range c.doc.Assets {
		path := at("assets", i)
		info := AssetInfo{ENI: a.ENI, Instance: a.Instance, VPC: a.VPC, Tags: a.Tags, zone: noZone, vnis: vniRange{any: true}}
		ok := true
		if a.VNI != "" {
			if info.vnis, ok = parseVNIs(a.VNI); !ok {
				c.errorf(below(path, "vni"), vniHint, "asset: vni %q", a.VNI)
			}
		}
		id := int32(len(t.all))
		switch {
		case !ok:
		case a.Address != "":
			p, err := parseNetwork(a.Address)
			if err != nil {
				c.errorf(below(path, "address"), "", "asset: %v", err)
				break
			}
			own[p] = append(own[p], id)
		case a.VNI != "":
			byVNI = append(byVNI, vniUse{info.vnis, id})
		default:
			c.errorf(path, "set address, vni, or both", "asset without address and VNI")
		}
		t.all = append(t.all, info)
	}
	t.byVNI = newVNITable(byVNI)
	c.assetNetworks(own)
}

// assetNetworks files the assets with addresses. Each network knows those of
// the wider ones: with a VNI they beat a nearer one without.
func (c *compiler) assetNetworks(own map[netip.Prefix][]int32) {
	t := &c.p.assets
	order := make([]netip.Prefix, 0, len(own))
	for p := range own {
		order = append(order, p)
	}
	slices.SortFunc(order, func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
	for _, p := range order {
		wider, _ := t.byAddr.LookupPrefix(p)
		list := slices.Concat(own[p], wider)
		slices.SortStableFunc(list, func(a, b int32) int {
			rank := func(i int32) int {
				if t.all[i].vnis.any {
					return 1
				}
				return 0
			}
			return rank(a) - rank(b)
		})
		t.byAddr.Insert(p, list)
	}
}

// zones reads the zones and gives each asset its own. The zone of a rule's list
// is its number + 1; 0 is no zone.
func (c *compiler) zones() {
	nets := map[netip.Prefix]int32{}
	var vnis []vniUse
	vpcs, tags := map[string]int32{}, map[string]int32{}
	first := func(m map[string]int32, key string, z int32) {
		if old, ok := m[key]; !ok || z < old {
			m[key] = z
		}
	}
	for i, z := range c.doc.Zones {
		path := at("zones", i)
		if c.zone[z.Name] != 0 || z.Name == "" || z.Name == "any" {
			c.errorf(below(path, "name"), "each zone has a name of its own", "zone %q: the name is taken, reserved or empty", z.Name)
			continue
		}
		n := int32(len(c.p.zones))
		c.p.zones = append(c.p.zones, z.Name)
		c.zone[z.Name] = int(n)
		c.zonePath = append(c.zonePath, path)
		for j, s := range z.Networks {
			p, err := parseNetwork(s)
			if err != nil {
				c.errorf(below(path, "networks", j), "", "zone %q: %v", z.Name, err)
			} else if _, taken := nets[p]; !taken {
				nets[p] = n
			}
		}
		for j, s := range z.VNIs {
			r, ok := parseVNIs(s)
			if !ok {
				c.errorf(below(path, "vnis", j), vniHint, "zone %q: vni %q", z.Name, s)
				continue
			}
			vnis = append(vnis, vniUse{r, n})
		}
		for _, s := range z.VPCs {
			first(vpcs, s, n)
		}
		for _, s := range z.Tags {
			first(tags, s, n)
		}
	}
	c.p.zoneVNI = newVNITable(vnis)
	c.zoneNetworks(nets)
	for i := range c.p.assets.all {
		a := &c.p.assets.all[i]
		if z, ok := vpcs[a.VPC]; ok && a.VPC != "" {
			a.zone = z
		}
		for _, t := range a.Tags {
			if z, ok := tags[t]; ok {
				a.zone = min(a.zone, z)
			}
		}
	}
}

// zoneNetworks files for each network the first zone among its own and those of
// the wider ones.
func (c *compiler) zoneNetworks(nets map[netip.Prefix]int32) {
	order := make([]netip.Prefix, 0, len(nets))
	for p := range nets {
		order = append(order, p)
	}
	slices.SortFunc(order, func(a, b netip.Prefix) int { return cmp.Compare(a.Bits(), b.Bits()) })
	for _, p := range order {
		z := nets[p]
		if w, ok := c.p.zoneNet.LookupPrefix(p); ok {
			z = min(z, w)
		}
		c.p.zoneNet.Insert(p, z)
	}
}

// zoneOf numbers the zone of an end, 0 for none.
func (p *Policy) zoneOf(a netip.Addr, vni uint32, hasVNI bool) int32 {
	z := noZone
	if n, ok := p.zoneNet.Lookup(a); ok {
		z = n
	}
	if hasVNI && len(p.zoneVNI.starts) > 0 {
		z = min(z, p.zoneVNI.of(vni))
	}
	if len(p.assets.all) > 0 {
		if as, _ := p.assets.find(vni, hasVNI, a); as != nil {
			z = min(z, as.zone)
		}
	}
	if z == noZone {
		return 0
	}
	return z
}

// Zone names the zone of an end of a flow; "" when it is in none.
func (p *Policy) Zone(a packet.Addr, vni uint32, hasVNI bool) string {
	return p.zones[p.zoneOf(ip(a), vni, hasVNI)]
}

// Asset tells what stands behind an address; nil when nothing is known.
func (p *Policy) Asset(vni uint32, hasVNI bool, a packet.Addr) *AssetInfo {
	info, _ := p.assets.find(vni, hasVNI, ip(a))
	return info
}

// Mirrored tells which asset a mirrored flow was seen at: the one with the
// address that the mirror sent from, else the server, else the client, by their
// addresses, else what is said of the VNI alone. nil: nothing is known.
func (p *Policy) Mirrored(m *packet.Mirror, client, server packet.Addr) *AssetInfo {
	if len(p.assets.all) == 0 {
		return nil
	}
	var last *AssetInfo
	for _, a := range [...]packet.Addr{m.OuterSrc, server, client} {
		if a == (packet.Addr{}) {
			continue
		}
		info, exact := p.assets.find(m.FirstVNI, m.HasVNI, ip(a))
		if exact {
			return info
		}
		last = info
	}
	return last
}
