package proto

import "slices"

// Registry is the set of protocols a sensor runs, in the order of their list.
type Registry struct {
	Descriptors []*Descriptor

	byName map[string]int
	byPort map[uint32][]int // transport<<16|port → indexes to ask first
	all    [2][]int         // by transport (0 TCP, 1 UDP): every index
}

// NewRegistry indexes the descriptors; the list's order is the probing order
// where ports say nothing. Two descriptors with one name, and more of anything
// than the sets in Session, TxBase and DetectState have bits, are bugs.
func NewRegistry(ds []*Descriptor) *Registry {
	r := &Registry{Descriptors: ds, byName: map[string]int{}, byPort: map[uint32][]int{}}
	if len(ds) > 64 {
		panic("BUG: more than 64 protocols")
	}
	for i, d := range ds {
		if len(d.Events) > 128 || len(d.Buffers) > 64 {
			panic("BUG: too many events or buffers in " + d.Name)
		}
		for _, name := range append([]string{d.Name}, d.Aliases...) {
			if _, twice := r.byName[name]; twice {
				panic("BUG: two protocols named " + name)
			}
			r.byName[name] = i
		}
		for t, on := range [2]bool{d.TCP, d.UDP} {
			if !on {
				continue
			}
			r.all[t] = append(r.all[t], i)
			for _, port := range d.Ports {
				key := uint32(t)<<16 | uint32(port)
				r.byPort[key] = append(r.byPort[key], i)
			}
		}
	}
	return r
}

// ByName finds a protocol by its name or an alias.
func (r *Registry) ByName(name string) (index int, ok bool) {
	index, ok = r.byName[name]
	return index, ok
}

// order appends the indexes to probe for a flow, those of its ports first.
func (r *Registry) order(dst []int, udp bool, ports ...uint16) []int {
	t := 0
	if udp {
		t = 1
	}
	for _, p := range ports {
		for _, i := range r.byPort[uint32(t)<<16|uint32(p)] {
			if !slices.Contains(dst, i) {
				dst = append(dst, i)
			}
		}
	}
	for _, i := range r.all[t] {
		if !slices.Contains(dst, i) {
			dst = append(dst, i)
		}
	}
	return dst
}
