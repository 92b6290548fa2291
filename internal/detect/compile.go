package detect

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"sync/atomic"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Ruleset is a set of compiled rules. It is immutable, but for which of them are
// suspended, and shared by all workers.
type Ruleset struct {
	version  string
	sigs     []*Signature
	bitNames map[uint64]string
	numBufs  int
	// allHashes: some rule asks for MD5 or SHA-1 of files.
	allHashes bool
	cfg       Config

	packet      [numClasses][2]payloadGroup
	stream      [2]payloadGroup
	plain       [numClasses][2]plainRules // packet rules without fast pattern
	plainStream [2][]uint32               // stream rules without fast pattern
	decode      []uint32                  // rules on decoder events
	streamEvent []uint32                  // rules on stream events
	side        [2][]uint32               // rules on the protocol alone
	ip          ipTable
	protos      [][2]protoRules  // by registry index and direction
	anyStream   [2]bool          // some rule looks at stream bytes
	anySide     bool             // some rule is in side
	frames      []proto.FrameSet // that rules look at, by registry index
	off         *suspended
}

// protoRules are the rules of one protocol and direction.
type protoRules struct {
	engines []txEngine // by progress
	plain   []uint32   // rules without fast pattern
	each    []uint32   // rules that match each time
	frames  []frameRules
	events  bool  // some of plain test events, which need no progress
	last    uint8 // progress of a complete direction
	any     bool
}

// txEngine is the prefilter of one buffer of a protocol and direction.
type txEngine struct {
	buf  *buffer
	im   impl
	lits *litGroup
}

// Version is a hash of the active rules and the variables they were compiled
// with: equal versions match alike.
func (rs *Ruleset) Version() string { return rs.version }

// AllHashes reports that rules ask for MD5 or SHA-1 of files (filemd5,
// filesha1); SHA-256 is always there.
func (rs *Ruleset) AllHashes() bool { return rs.allHashes }

// Signatures returns the active signatures in the order of evaluation. The
// caller must not change the slice.
func (rs *Ruleset) Signatures() []*Signature { return rs.sigs }

// Compile makes a Ruleset of the enabled rules of files. It never fails as a
// whole: the Report says of each rule whether it runs, and why not.
func Compile(files []*rule.File, cfg *Config) (*Ruleset, *Report) {
	rep := &Report{}
	conf := *cfg
	if conf.MaxAlerts <= 0 {
		conf.MaxAlerts = 15
	}
	if conf.ChunkSize <= 0 {
		conf.ChunkSize = 2560
	}
	c := newCompiler(&conf, rep)
	rs := &Ruleset{cfg: conf, bitNames: c.bitNames}
	latest := c.latestRevisions(files)
	for _, f := range files {
		for _, r := range f.Rules {
			if r.Disabled {
				continue
			}
			rs.addRule(c, r, latest[ruleKey{r.GID, r.SID}])
		}
	}
	heads := countHeads(rs.sigs)
	for _, s := range rs.sigs {
		s.chooseFast(heads)
	}
	rs.order()
	rs.off = &suspended{bits: make([]atomic.Uint32, len(rs.sigs)/32+1)}
	rs.applyThresholds(c)
	rs.group(c)
	rs.allHashes = c.allHashes
	rs.version = rs.hash(c.filesSum.Sum(nil))
	return rs, rep
}

type ruleKey struct{ gid, sid uint32 }

// latestRevisions finds, for each sid, the rule that counts: the one with the
// highest revision, of those the first. One whose requirements are not met
// stands back: sets bring a rule in several versions, each with its own.
func (c *compiler) latestRevisions(files []*rule.File) map[ruleKey]*rule.Rule {
	latest := map[ruleKey]*rule.Rule{}
	for _, f := range files {
		for _, r := range f.Rules {
			k := ruleKey{r.GID, r.SID}
			if old := latest[k]; !r.Disabled && (old == nil || !c.wanted(old) || r.Rev > old.Rev && c.wanted(r)) {
				latest[k] = r
			}
		}
	}
	return latest
}

func (rs *Ruleset) addRule(c *compiler, r, latest *rule.Rule) {
	if latest != r && c.wanted(r) {
		c.rep.add(Verdict{SID: r.SID, GID: r.GID, Rev: r.Rev, Pos: optionPos(r, "sid"), Rule: r.Bare(), State: Refused,
			Reason: fmt.Sprintf("also at %s, revision %d", latest.Pos, latest.Rev),
			Hint:   "a sid may be used once; the highest revision runs"})
		return
	}
	s, v := c.compileRule(r)
	if s != nil {
		s.payloadBuf = c.bufs.payload
		s.settleClasses(c.cfg.Registry)
		rs.sigs = append(rs.sigs, s)
	}
	c.rep.add(v)
}

// order sorts the signatures as they are evaluated: config before pass before drop before
// reject before alert; rules that set a bit before those that read it; urgent
// before others; then by sid.
func (rs *Ruleset) order() {
	rank := bitRanks(rs.sigs)
	sort.SliceStable(rs.sigs, func(i, j int) bool {
		a, b := rs.sigs[i], rs.sigs[j]
		return cmp.Or(
			cmp.Compare(actionRank(a.Action), actionRank(b.Action)),
			cmp.Compare(rank[a], rank[b]),
			cmp.Compare(a.Priority, b.Priority),
			cmp.Compare(a.GID, b.GID),
			cmp.Compare(a.SID, b.SID),
		) < 0
	})
	for i, s := range rs.sigs {
		s.id = uint32(i)
	}
}

func actionRank(a rule.Action) int {
	return slices.Index([]rule.Action{rule.ActionConfig, rule.ActionPass, rule.ActionDrop, rule.ActionReject, rule.ActionAlert}, a)
}

// bitRanks gives each rule its place by flowbits and xbits: setters 0; rules
// that read and set, 1 and up, each behind those that set what it reads;
// readers behind all of these; the rest last.
func bitRanks(sigs []*Signature) map[*Signature]int {
	const maxDepth = 64 // of chains; rules that set in a circle have no order
	rank := map[*Signature]int{}
	setBy := map[uint64]int{}
	for depth := 0; depth < maxDepth; depth++ {
		changed := false
		for _, s := range sigs {
			if len(s.bits.writes) == 0 {
				continue
			}
			r := 0
			for _, id := range s.bits.reads {
				r = max(r, setBy[id]+1)
			}
			if depth == 0 || r > rank[s] {
				rank[s] = r
				changed = changed || depth == 0 || r > 0
			}
		}
		for _, s := range sigs {
			for _, id := range s.bits.writes {
				setBy[id] = max(setBy[id], rank[s])
			}
		}
		if !changed {
			break
		}
	}
	for _, s := range sigs {
		switch {
		case len(s.bits.writes) > 0:
			rank[s] = min(rank[s], maxDepth)
		case len(s.bits.reads) > 0:
			rank[s] = maxDepth + 1
		default:
			rank[s] = maxDepth + 2
		}
	}
	return rank
}

// txKey is a prefilter of transactions.
type txKey struct {
	buf *buffer
	dir Dir
}

// group builds the prefilters. Rules come in their order, so every list is
// sorted by id.
func (rs *Ruleset) group(c *compiler) {
	rs.numBufs = len(c.bufs.list)
	rs.protos = make([][2]protoRules, len(rs.cfg.Registry.Descriptors))
	var pkt [numClasses][2]payloadBuilder
	var str [2]payloadBuilder
	tx := map[txKey]*litBuilder{}
	for _, s := range rs.sigs {
		switch s.kind {
		case kindIP:
			rs.ip.add(s)
		case kindTx:
			rs.groupTx(s, tx)
		case kindFrame:
			rs.groupFrame(s)
		default:
			rs.groupPacket(s, &pkt, &str)
		}
	}
	rs.ip.build()
	for cl := range pkt {
		for d := range pkt[cl] {
			rs.packet[cl][d] = pkt[cl][d].build(c.traffic)
		}
	}
	for d := range str {
		rs.stream[d] = str[d].build(c.traffic)
		rs.anyStream[d] = rs.anyStream[d] || !rs.stream[d].empty() || len(rs.plainStream[d]) > 0
	}
	rs.buildTx(c, tx)
	rs.buildFrames(c.traffic)
}

func (rs *Ruleset) groupPacket(s *Signature, pkt *[numClasses][2]payloadBuilder, str *[2]payloadBuilder) {
	switch {
	case s.onDecodeEvent:
		rs.decode = append(rs.decode, s.id)
		return
	case s.onStreamEvent:
		rs.streamEvent = append(rs.streamEvent, s.id)
		return
	}
	for d := range 2 {
		if !s.dirs.Has(Dir(d)) {
			continue
		}
		if s.onSide {
			rs.side[d], rs.anySide = append(rs.side[d], s.id), true
			continue
		}
		for _, cl := range s.classes {
			switch {
			case cl == classTCP && !s.onPacket:
				// Packets that joined no stream are put to the stream's rules.
			case s.fast.buf != nil:
				pkt[cl][d].add(s)
			default:
				rs.plain[cl][d].add(s)
			}
		}
		if !s.onStream {
			continue
		}
		if s.fast.buf != nil {
			str[d].add(s)
		} else {
			rs.plainStream[d] = append(rs.plainStream[d], s.id)
		}
	}
}

func (rs *Ruleset) groupTx(s *Signature, tx map[txKey]*litBuilder) {
	for d := range 2 {
		if !s.dirs.Has(Dir(d)) {
			continue
		}
		if len(s.payload) > 0 {
			rs.anyStream[d] = true
		}
		if s.fast.buf != nil && s.fast.buf.protos(1<<d) != 0 {
			k := txKey{s.fast.buf.searched(Dir(d)), Dir(d)}
			if tx[k] == nil {
				tx[k] = &litBuilder{}
			}
			tx[k].add(&s.fast, s.id)
			continue
		}
		if s.fast.buf != nil && s.transactional {
			// The other direction finds it, either may decide it.
			for _, i := range apps(s.appMask) {
				rs.protos[i][d].any = true
			}
			continue
		}
		for _, i := range apps(s.appMask) {
			pr := &rs.protos[i][d]
			if s.eachTime {
				pr.each, pr.any = append(pr.each, s.id), true
				continue
			}
			pr.plain = append(pr.plain, s.id)
			pr.events = pr.events || slices.ContainsFunc(s.txTests, func(t txTest) bool { return t.event })
		}
	}
}

func (rs *Ruleset) buildTx(c *compiler, tx map[txKey]*litBuilder) {
	for i, d := range rs.cfg.Registry.Descriptors {
		for dir := range 2 {
			pr := &rs.protos[i][dir]
			pr.last = uint8(max(0, len(d.States[dir])-1))
			pr.any = pr.any || len(pr.plain) > 0
		}
	}
	for _, b := range c.bufs.list {
		for _, dir := range [2]Dir{toServer, toClient} {
			lb := tx[txKey{b, dir}]
			if lb == nil {
				continue
			}
			g := lb.build(c.traffic)
			for i, im := range b.impls[dir] {
				if im.ok {
					pr := &rs.protos[i][dir]
					pr.engines = append(pr.engines, txEngine{b, im, g})
					pr.any = true
				}
			}
		}
	}
	for i := range rs.protos {
		for d := range 2 {
			slices.SortStableFunc(rs.protos[i][d].engines, func(a, b txEngine) int {
				return cmp.Compare(a.im.progress, b.im.progress)
			})
		}
	}
}

// hash names the ruleset by all that decides its matches; files is the sum of
// what its rules name.
func (rs *Ruleset) hash(files []byte) string {
	h := sha256.New()
	h.Write(files)
	for _, s := range rs.sigs {
		fmt.Fprintf(h, "%s\n", s.Rule.Text)
	}
	for _, m := range []map[string]string{rs.cfg.Vars.AddressGroups, rs.cfg.Vars.PortGroups} {
		names := make([]string, 0, len(m))
		for n := range m {
			names = append(names, n)
		}
		sort.Strings(names)
		for _, n := range names {
			fmt.Fprintf(h, "%s=%s\n", n, m[n])
		}
	}
	for _, d := range rs.cfg.Registry.Descriptors {
		fmt.Fprintln(h, d.Name)
	}
	for i := range rs.cfg.Thresholds {
		h.Write(rs.cfg.Thresholds[i].Text)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
