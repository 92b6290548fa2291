package sensor

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Tenants maps mirror sessions to address spaces, so that the overlapping
// ranges of two VPCs never merge. A VNI without a tenant is one of its own.
// Immutable.
type Tenants struct {
	names  []string
	ranges []tenantRange // sorted
}

type tenantRange struct {
	VNIRange
	index int
}

// tenantBit marks the ids of configured tenants; below it an id is a VNI + 1.
const tenantBit = 1 << 31

// Add gives VNIs to a tenant.
func (t *Tenants) Add(name string, vnis []VNIRange) {
	t.names = append(t.names, name)
	for _, r := range vnis {
		t.ranges = append(t.ranges, tenantRange{r, len(t.names) - 1})
	}
	slices.SortFunc(t.ranges, func(a, b tenantRange) int { return cmp.Compare(a.First, b.First) })
}

// ID is the tenant id of the i-th tenant added.
func (t *Tenants) ID(i int) uint32 { return tenantBit | uint32(i) }

// of finds the tenant of a packet: 0 without an envelope. The outermost VNI
// is the mirror's own.
func (t *Tenants) of(m *packet.Mirror) uint32 {
	if !m.HasVNI {
		return 0
	}
	vni := m.FirstVNI
	if t != nil {
		i, found := slices.BinarySearchFunc(t.ranges, vni, func(r tenantRange, v uint32) int { return cmp.Compare(r.First, v) })
		if !found {
			i--
		}
		if i >= 0 && vni <= t.ranges[i].Last {
			return t.ID(t.ranges[i].index)
		}
	}
	return vni + 1
}

// Name is what records call a tenant; "" for traffic without an envelope.
func (t *Tenants) Name(id uint32) string {
	switch {
	case id == 0:
		return ""
	case id&tenantBit != 0:
		return t.names[id&^tenantBit]
	}
	return "vni-" + strconv.FormatUint(uint64(id-1), 10)
}
