package detect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// frameRules are the rules on one kind of frame, of one protocol and direction.
type frameRules struct {
	kind  uint8 // proto.Frame.Type
	build *litBuilder
	lits  *litGroup
	plain []uint32 // without fast pattern
}

// streamFrame is the frame that every stream protocol has; see
// proto.FrameStream.
const streamFrame = "stream"

// parseFrame reads frame:[<protocol>.]<frame>, a sticky buffer. Without the
// protocol it is the rule's.
func parseFrame(b *builder, opt *rule.Option) error {
	r := b.c.cfg.Registry
	name := strings.ToLower(strings.TrimSpace(opt.Value))
	desc, index := (*proto.Descriptor)(nil), -1
	if before, after, ok := strings.Cut(name, "."); ok {
		if i, known := r.ByName(before); known {
			desc, index, name = r.Descriptors[i], i, after
		} else if slices.Contains(foreignProtos(), before) {
			return needProto(before)
		}
	}
	list := apps(b.s.appMask)
	switch {
	case desc == nil && len(list) != 1:
		return refuse(fmt.Sprintf("no protocol for %q", name), "write frame:<protocol>.<frame>, or the protocol in the header")
	case desc == nil:
		desc, index = r.Descriptors[list[0]], list[0]
	case len(list) > 0 && !slices.Contains(list, index):
		return refuse("the rule's protocol is not "+desc.Name, "")
	}
	kind := slices.Index(desc.Frames, name)
	if name == streamFrame && desc.TCP && len(desc.Frames) > 0 {
		kind = proto.FrameStream
	}
	if kind < 0 {
		return refuse(fmt.Sprintf("no frame %q in %s", name, desc.Name), hintFor(name, slices.Clone(desc.Frames)))
	}
	b.s.appMask = 1 << index
	b.cur = b.newGroup(b.c.bufs.frame(desc.Name+"."+name, index, uint8(kind)))
	b.cur.word = opt
	return nil
}

// frame returns the buffer of a kind of frame.
func (bs *buffers) frame(name string, index int, kind uint8) *buffer {
	key := "frame:" + name
	buf := bs.derived[key]
	if buf == nil {
		buf = bs.add(&buffer{name: name, kind: bufFrame, app: index, frame: kind, prio: 2})
		bs.derived[key] = buf
	}
	return buf
}

// checkFrame checks a rule on frames as a whole: it looks at one kind of them
// and at nothing else that has bytes. So does Suricata, but that it takes two
// kinds in one rule, which no frame can be.
func (b *builder) checkFrame() error {
	s := b.s
	if len(s.frames) == 0 {
		return nil
	}
	first := s.frames[0].buf.base
	switch {
	case slices.ContainsFunc(s.frames, func(t bufTest) bool { return t.buf.base != first }):
		return refuse("frames of two kinds in one rule", "write a rule for each, joined by a flowbit")
	case s.tx != nil || len(s.txTests) > 0:
		return refuse("a protocol's buffer or keyword beside a frame", "write a rule for each, joined by a flowbit")
	case s.payload != nil || s.base64 != nil || len(s.views) > 0 || s.needPacket:
		return refuse("a test on the packet or stream beside a frame", "put contents behind the frame")
	}
	return nil
}

// groupFrame files a rule on frames.
func (rs *Ruleset) groupFrame(s *Signature) {
	buf := s.frames[0].buf.base
	for d := range 2 {
		if !s.dirs.Has(Dir(d)) {
			continue
		}
		pr := &rs.protos[buf.app][d]
		i := slices.IndexFunc(pr.frames, func(fr frameRules) bool { return fr.kind == buf.frame })
		if i < 0 {
			i = len(pr.frames)
			pr.frames = append(pr.frames, frameRules{kind: buf.frame})
		}
		if s.fast.buf == nil {
			pr.frames[i].plain = append(pr.frames[i].plain, s.id)
			continue
		}
		if pr.frames[i].build == nil {
			pr.frames[i].build = &litBuilder{}
		}
		pr.frames[i].build.add(&s.fast, s.id)
	}
}

// buildFrames makes the searches, once every rule is filed.
func (rs *Ruleset) buildFrames(traffic *match.Traffic) {
	rs.frames = make([]proto.FrameSet, len(rs.protos))
	for i := range rs.protos {
		for d := range rs.protos[i] {
			for j := range rs.protos[i][d].frames {
				fr := &rs.protos[i][d].frames[j]
				if fr.build != nil {
					fr.lits, fr.build = fr.build.build(traffic), nil
				}
				rs.frames[i].Add(fr.kind)
			}
		}
	}
}

// WantFrames adds to set, by registry index, the frames that some rule looks at.
func (rs *Ruleset) WantFrames(set []proto.FrameSet) {
	for i, s := range rs.frames {
		set[i] |= s
	}
}

// inspectFrames runs the rules on the frames of direction c.dir, each frame
// once: when it is whole, or nothing more of it is looked at.
func (e *Engine) inspectFrames(c *ctx) {
	fr := c.s.Frames()
	if fr == nil {
		return
	}
	rules := e.rs.protos[c.s.Index][c.dir].frames
	for i, f, b := fr.Next(c.dir, 0); i >= 0; i, f, b = fr.Next(c.dir, i+1) {
		for j := range rules {
			if rules[j].kind == f.Type {
				e.inspectFrame(c, &rules[j], f, b)
			}
		}
	}
	e.Counters.FramesLost += fr.Sweep(c.dir)
}

func (e *Engine) inspectFrame(c *ctx, rules *frameRules, f *proto.Frame, b []byte) {
	e.cand = append(e.cand[:0], rules.plain...)
	if rules.lits != nil {
		e.cand = rules.lits.scan(b, &e.hits, e.cand)
	}
	e.cand = sorted(e.cand)
	e.Counters.Candidates += uint64(len(e.cand))
	var tx proto.Tx
	for _, id := range e.cand {
		s := e.rs.sigs[id]
		if !e.headerHolds(c, s) || !c.testsHold(s) {
			continue
		}
		e.Counters.Evaluated++
		c.clear(s)
		c.begin()
		ok := e.frameHolds(c, s, b)
		c.end(s)
		if !ok {
			continue
		}
		if tx == nil && f.HasTx {
			tx = txOf(c.s, f.Tx)
		}
		e.add(c, s, SourceFrame, tx)
		if n := len(e.found); n > 0 && e.found[n-1].s == s && e.found[n-1].frame == 0 {
			e.frames = append(e.frames, FrameMatch{Frame: *f, Name: e.frameName(c, f), Length: len(b), Whole: f.Whole(b)})
			e.found[n-1].frame = int32(len(e.frames))
		}
	}
}

func (e *Engine) frameHolds(c *ctx, s *Signature, b []byte) bool {
	for i := range s.frames {
		t, view := &s.frames[i], b
		if len(t.buf.xforms) > 0 {
			var ok bool
			if view, ok = e.transformed(c, t.buf, b); !ok {
				return false
			}
		}
		if !c.run(t.ops, view, t.buf.name) {
			return false
		}
	}
	return true
}

// frameName is the frame's name without its protocol.
func (e *Engine) frameName(c *ctx, f *proto.Frame) string {
	if f.Type == proto.FrameStream {
		return streamFrame
	}
	return c.s.Proto.Frames[f.Type]
}

// txOf finds a transaction that still lives.
func txOf(s *proto.Session, id uint64) proto.Tx {
	for _, tx := range s.Txs() {
		if tx.Base().ID == id {
			return tx
		}
	}
	return nil
}

// FrameMatch is the frame that a Match was found in.
type FrameMatch struct {
	proto.Frame
	Name   string // without the protocol: "record.hdr"; constant memory
	Length int    // how many bytes of it were there
	Whole  bool
}
