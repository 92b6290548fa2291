package detect

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// bufKind says where a buffer's bytes come from.
type bufKind uint8

const (
	bufPayload bufKind = iota // packet payload and stream
	bufPacket                 // a view of the packet (tcp.hdr, ip.src)
	bufTx                     // a protocol's buffer
	bufBase64                 // what base64_decode left
	bufFrame                  // a frame of a protocol
)

// impl is one protocol's version of a buffer in one direction.
type impl struct {
	ok       bool
	id       uint8
	progress uint8
	multi    bool
	stream   bool
}

// buffer is one thing that contents are looked for in: a base buffer, or one
// with transforms. There is one object for each; id is dense.
type buffer struct {
	id     int
	name   string // with transforms: "http.host;dotprefix"
	kind   bufKind
	base   *buffer // without transforms; itself for a base buffer
	xforms []transform
	impls  [2][]impl                       // by direction and registry index
	view   func(c *ctx, dst []byte) []byte // bufPacket
	multi  bool
	noMPM  bool
	prio   int
	check  func(content []byte, nocase bool) error
	same   [2]*buffer // by direction: where its bytes are searched, or nil
	app    int        // bufFrame: the protocol by registry index
	frame  uint8      // bufFrame: proto.Frame.Type
}

// protos returns the protocols that have the buffer in a direction of m.
func (b *buffer) protos(m proto.DirMask) (mask uint64) {
	for d := range b.impls {
		if !m.Has(Dir(d)) {
			continue
		}
		for i, im := range b.impls[d] {
			if im.ok {
				mask |= 1 << i
			}
		}
	}
	return mask
}

// buffers indexes all that a rule can name.
type buffers struct {
	list     []*buffer // by id
	sticky   map[string]*buffer
	modifier map[string]*buffer
	letter   map[byte]*buffer
	derived  map[string]*buffer
	payload  *buffer
	base64   *buffer
}

func newBuffers(r *proto.Registry) *buffers {
	bs := &buffers{
		sticky: map[string]*buffer{}, modifier: map[string]*buffer{},
		letter: map[byte]*buffer{}, derived: map[string]*buffer{},
	}
	bs.payload = bs.add(&buffer{name: "payload", kind: bufPayload, prio: 1})
	bs.base64 = bs.add(&buffer{name: "base64_data", kind: bufBase64, noMPM: true})
	for _, v := range packetViews() {
		b := bs.add(&buffer{name: v.name, kind: bufPacket, view: v.view, noMPM: true})
		bs.sticky[v.name] = b
	}
	for i, d := range r.Descriptors {
		for j := range d.Buffers {
			bs.addProto(len(r.Descriptors), i, j, &d.Buffers[j])
		}
	}
	for i, d := range r.Descriptors {
		for j := range d.Buffers {
			bs.addSame(i, &d.Buffers[j])
		}
	}
	return bs
}

func (bs *buffers) add(b *buffer) *buffer {
	b.id = len(bs.list)
	if b.base == nil {
		b.base = b
	}
	bs.list = append(bs.list, b)
	return b
}

// addProto files buffer j of protocol i. Several protocols, or the directions
// of one, may declare the same name: a rule means whichever there is.
func (bs *buffers) addProto(n, i, j int, pb *proto.Buffer) {
	b := bs.sticky[pb.Name]
	if b == nil {
		prio := pb.Priority
		if prio == 0 {
			prio = 2
		}
		b = bs.add(&buffer{name: pb.Name, kind: bufTx, prio: prio, noMPM: pb.NoMPM, check: pb.Check})
		b.impls = [2][]impl{make([]impl, n), make([]impl, n)}
		bs.sticky[pb.Name] = b
	}
	b.multi = b.multi || pb.Multi
	for _, d := range [2]Dir{toServer, toClient} {
		if pb.Dir.Has(d) {
			b.impls[d][i] = impl{ok: true, id: uint8(j), progress: pb.Progress,
				multi: pb.Multi, stream: pb.Stream}
		}
	}
	for _, a := range pb.Aliases {
		bs.sticky[a] = b
	}
	if pb.Modifier != "" {
		bs.modifier[pb.Modifier] = b
	}
	if pb.PCRE != 0 {
		bs.letter[pb.PCRE] = b
	}
}

// addSame notes that the bytes of a buffer of protocol i are searched in
// another buffer, which every protocol that has the one must have.
func (bs *buffers) addSame(i int, pb *proto.Buffer) {
	if pb.SameAs == "" {
		return
	}
	b, other := bs.sticky[pb.Name], bs.sticky[pb.SameAs]
	for _, d := range [2]Dir{toServer, toClient} {
		if m := proto.DirMask(1 << d); pb.Dir.Has(d) && b.protos(m)&^other.protos(m) == 0 {
			x, y := &b.impls[d][i], &other.impls[d][i]
			if x.progress == y.progress && x.stream == y.stream {
				b.same[d] = other
			}
		}
	}
}

// searched is the buffer whose search finds the patterns of b.
func (b *buffer) searched(d Dir) *buffer {
	if b.same[d] != nil {
		return b.same[d]
	}
	return b
}

// transformed returns base behind the transforms.
func (bs *buffers) transformed(base *buffer, xf []transform) *buffer {
	if len(xf) == 0 {
		return base
	}
	name := base.name
	for _, x := range xf {
		name += ";" + x.name
	}
	if b := bs.derived[name]; b != nil {
		return b
	}
	b := *base
	b.name, b.base, b.xforms, b.check = name, base, append([]transform(nil), xf...), nil
	b.same = [2]*buffer{}
	b.noMPM = b.noMPM || b.kind == bufFrame // what is searched is the frame as it is
	bs.add(&b)
	bs.derived[name] = &b
	return &b
}
