package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/http/internal/unpack"
)

// Bounds of content codings.
const (
	rawTest   = 1 << 10 // input on which headerless deflate is tried first
	maxReplay = 4 << 10 // input kept in case that it turns out not to be coded
	bombBytes = 1 << 20 // output that is never called a bomb
	bombRatio = 256     // output per input beyond which it is
)

// layerState is how far a coding is decided.
type layerState uint8

const (
	layerNew  layerState = iota // not enough bytes to tell what they are
	layerOn                     // decoding
	layerPass                   // the bytes are not coded after all
	layerOver                   // the coded stream ended, or broke
)

// layer undoes one coding.
type layer struct {
	kind  unpack.Kind // as declared
	state layerState
	head  []byte // first bytes, until the state is decided
	dec   *unpack.Decoder
	made  uint64 // output so far
}

// chain is the content codings of a body, outermost last.
type chain struct {
	n      int
	layers [maxDepth]layer
	in     uint64 // bytes that went into the outermost layer
	broken bool   // bytes are missing: nothing more can be decoded
}

func (c *chain) reset() {
	for i := range c.layers {
		l := &c.layers[i]
		*l = layer{head: l.head[:0], dec: l.dec}
	}
	c.n, c.in, c.broken = 0, 0, false
}

// release hands the decoders back to the pool.
func (c *chain) release(p *parser) {
	for i := range c.layers {
		if d := c.layers[i].dec; d != nil {
			c.layers[i].dec = nil
			p.pool.p.Put(d)
		}
	}
}

// setUp reads Content-Encoding. Words are looked for inside each item, as
// browsers are lax; what declares a coding and is none is found later.
func (c *chain) setUp(t *tx, d proto.Dir) {
	m := &t.msg[d]
	if !m.has(hContentEncoding) {
		return
	}
	v := m.value(hContentEncoding)
	for len(v) > 0 {
		item := v
		if i := bytes.IndexByte(v, ','); i >= 0 {
			item, v = v[:i], v[i+1:]
		} else {
			v = nil
		}
		c.declare(t, trimSpace(item))
	}
}

func (c *chain) declare(t *tx, item []byte) {
	var k unpack.Kind
	exact := false
	switch {
	case len(item) == 0 || equalLoose(item, "identity") || equalLoose(item, "inflate"):
		return
	case containsLoose(item, "gzip"):
		k, exact = unpack.Gzip, equalLoose(item, "gzip") || equalLoose(item, "x-gzip")
	case containsLoose(item, "deflate"):
		k, exact = unpack.Deflate, equalLoose(item, "deflate") || equalLoose(item, "x-deflate")
	case equalLoose(item, "br"):
		k, exact = unpack.Brotli, true
	case containsLoose(item, "lzma"):
		if !t.p.cfg.lzma {
			t.Events.Add(evLZMADisabled)
			return
		}
		k, exact = unpack.LZMA, equalLoose(item, "lzma")
	default:
		t.Events.Add(evAbnormalCE)
		return
	}
	if !exact {
		t.Events.Add(evAbnormalCE)
	}
	if c.n >= t.p.cfg.depth {
		t.Events.Add(evTooManyLayers)
		return
	}
	c.layers[c.n] = layer{kind: k, head: c.layers[c.n].head[:0], dec: c.layers[c.n].dec}
	c.n++
}

// feed gives b to layer i; what it makes of it goes to the layers inside. The
// depth of the recursion is the number of layers, at most maxDepth.
func (c *chain) feed(t *tx, d proto.Dir, i int, b []byte, last bool) {
	if i < 0 {
		if len(b) > 0 {
			t.msg[d].body.sink(t, d, b)
		}
		return
	}
	if i == c.n-1 {
		c.in += uint64(len(b))
	}
	if c.broken && !last {
		return
	}
	l := &c.layers[i]
	switch l.state {
	case layerNew:
		l.head = append(l.head, b...)
		if l.decide(t, last) {
			c.push(t, d, i, l.head, last)
		} else if last {
			c.feed(t, d, i-1, nil, true)
		}
	default:
		if l.state == layerOn && l.made == 0 && len(l.head) < maxReplay {
			l.head = append(l.head, b...)
		}
		c.push(t, d, i, b, last)
	}
}

// push runs b through the decided layer i.
func (c *chain) push(t *tx, d proto.Dir, i int, b []byte, last bool) {
	l := &c.layers[i]
	switch l.state {
	case layerPass:
		c.feed(t, d, i-1, b, last)
		return
	case layerOver:
		b = nil
	}
	for l.state == layerOn {
		out, used, st := l.dec.Step(b, last)
		b = b[used:]
		l.made += uint64(len(out))
		if l.made > bombBytes && l.made > bombRatio*c.in {
			t.Events.Add(evBomb)
			l.state = layerOver
		}
		c.feed(t, d, i-1, out, false)
		switch st {
		case unpack.More:
			b = nil
		case unpack.End:
			l.state = layerOver
		case unpack.Bad, unpack.Big:
			c.failed(t, d, i, st, b)
		}
		if st == unpack.More {
			break
		}
	}
	if last {
		c.feed(t, d, i-1, nil, true)
	}
}

// failed ends a layer whose input is not what it began as. When nothing had
// come out the bytes were no coding, and they count as they are.
func (c *chain) failed(t *tx, d proto.Dir, i int, st unpack.Status, rest []byte) {
	l := &c.layers[i]
	ev := evGzipFailed
	if st == unpack.Big {
		ev = evLZMAMem
	}
	t.Events.Add(ev)
	l.state = layerOver
	if l.made == 0 && len(l.head) < maxReplay {
		l.state = layerPass
		c.feed(t, d, i-1, l.head, false)
		return
	}
	c.feed(t, d, i-1, rest, false)
}

// decide looks at the first bytes: what was declared need not be what is
// there. It returns false while too little is.
func (l *layer) decide(t *tx, last bool) bool {
	b := l.head
	if l.kind == unpack.Brotli || l.kind == unpack.LZMA {
		if len(b) == 0 {
			return false
		}
		l.open(t, l.kind)
		return true
	}
	if len(b) < 2 {
		if last && len(b) > 0 {
			l.state = layerPass
			return true
		}
		return false
	}
	switch {
	case b[0] == 0x1f && b[1] == 0x8b:
		l.open(t, unpack.Gzip)
	case unpack.IsZlib(b[0], b[1]):
		l.open(t, unpack.Zlib)
	case l.kind == unpack.Gzip:
		t.Events.Add(evGzipFailed)
		l.state = layerPass
	case len(b) < rawTest && !last:
		return false
	default:
		l.open(t, unpack.Deflate)
		if !l.tries(last) {
			t.Events.Add(evGzipFailed)
			l.state = layerPass
			return true
		}
		l.dec.Reset(unpack.Deflate)
	}
	return true
}

func (l *layer) open(t *tx, k unpack.Kind) {
	l.state = layerOn
	if l.dec == nil {
		if d, ok := t.p.pool.p.Get().(*unpack.Decoder); ok {
			l.dec = d
		} else {
			l.dec = &unpack.Decoder{}
		}
	}
	l.dec.Reset(k)
}

// tries reports whether the first bytes decode without an error.
func (l *layer) tries(last bool) bool {
	b := l.head[:min(len(l.head), rawTest)]
	for {
		_, used, st := l.dec.Step(b, last)
		b = b[used:]
		switch st {
		case unpack.More, unpack.End:
			return true
		case unpack.Bad:
			return false
		}
	}
}
