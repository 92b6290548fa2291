package detect

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// compiler holds what all rules of one Compile share.
type compiler struct {
	cfg      *Config
	classes  ClassTable
	vars     Vars
	bufs     *buffers
	words    map[string]*keyword
	protoKW  map[string][]protoKeyword
	regexps  map[regexpKey]*match.Regexp
	addrs    map[string]*rule.AddrSet // nil: any
	ports    map[string]*rule.PortSet
	bitNames map[uint64]string
	sets     map[string]*dataset
	filesSum hash.Hash // of the files that rules name
	rep      *Report
	opts     []rule.Option // of the rule at hand
	traffic  *match.Traffic

	reputation *Reputation // nil: not read yet
	allHashes  bool        // some rule asks for MD5 or SHA-1
}

// protoKeyword is a keyword that protocol idx declares.
type protoKeyword struct {
	idx int
	kw  *proto.Keyword
}

// builder compiles one rule.
type builder struct {
	c *compiler
	r *rule.Rule
	s *Signature

	opts []rule.Option

	opt *rule.Option // that is being read

	groups    []*group // groups[0] is the payload's
	cur       *group   // where tests go
	lastGroup *group   // holds the last content
	lastIndex int      // its place there
	lastTest  *group   // holds the last test of any kind
	vars      []string // byte variables

	lastWasOther bool // the last keyword was no content
	needFlow     bool
	headerTest   bool // some test looks at this one packet
	prioGiven    bool
	capturing    bool // what expressions capture is kept
	appTests     int  // tests by app-layer-protocol
	warnings     []Verdict
}

// group is the tests of a rule on one buffer.
type group struct {
	buf  *buffer
	xf   []transform
	ops  []op
	only proto.DirMask // "http.header: to_client" in a transactional rule

	word *rule.Option // the sticky buffer that opened the group, or nil
	used bool         // a protocol's keyword tests the buffer (urilen)
}

func newCompiler(cfg *Config, rep *Report) *compiler {
	c := &compiler{
		cfg: cfg, classes: cfg.Classes, vars: cfg.Vars, bufs: newBuffers(cfg.Registry),
		words: map[string]*keyword{}, protoKW: map[string][]protoKeyword{},
		regexps: map[regexpKey]*match.Regexp{}, addrs: map[string]*rule.AddrSet{},
		ports: map[string]*rule.PortSet{}, bitNames: map[uint64]string{}, rep: rep, traffic: match.NewTraffic(),
		sets: map[string]*dataset{}, filesSum: sha256.New(),
	}
	if c.classes == nil {
		c.classes = DefaultClasses()
	}
	if c.vars.empty() {
		c.vars = DefaultVars()
	}
	list := keywords()
	for i := range list {
		k := &list[i]
		for _, n := range append([]string{k.name}, k.aliases...) {
			c.words[n] = k
		}
	}
	for i, d := range cfg.Registry.Descriptors {
		for j := range d.Keywords {
			k := &d.Keywords[j]
			for _, n := range append([]string{k.Name}, k.Aliases...) {
				c.protoKW[n] = append(c.protoKW[n], protoKeyword{i, k})
			}
		}
	}
	return c
}

// lookup returns something when name is a word of the language here.
func (c *compiler) lookup(name string) any {
	switch {
	case c.bufs.sticky[name] != nil:
		return c.bufs.sticky[name]
	case c.bufs.modifier[name] != nil:
		return c.bufs.modifier[name]
	case c.protoKW[name] != nil:
		return c.protoKW[name]
	case c.words[name] != nil:
		return c.words[name]
	}
	return nil
}

// known lists every word, for hints.
func (c *compiler) known() []string {
	var out []string
	for n := range c.words {
		out = append(out, n)
	}
	for n := range c.bufs.sticky {
		out = append(out, n)
	}
	for n := range c.bufs.modifier {
		out = append(out, n)
	}
	for n := range c.protoKW {
		out = append(out, n)
	}
	return out
}

// compileRule makes a signature of r, or says why not.
func (c *compiler) compileRule(r *rule.Rule) (*Signature, Verdict) {
	head := r.Bare()
	v := Verdict{SID: r.SID, GID: r.GID, Rev: r.Rev, Pos: r.Pos, Rule: head}
	s := &Signature{SID: r.SID, GID: r.GID, Rev: r.Rev, Msg: r.Msg, Action: r.Action,
		Priority: unknownPriority, Rule: head}
	if s.GID == 0 {
		s.GID = 1
	}
	b := c.builder(r)
	b.s = s
	b.cur = b.newGroup(c.bufs.payload)
	if o, err := b.read(); err != nil {
		v.explain(o, err)
		return nil, v
	}
	c.rep.Warnings = append(c.rep.Warnings, b.warnings...)
	return s, v
}

// builder makes a builder of r. There is one at a time: they share the memory
// of the options.
func (c *compiler) builder(r *rule.Rule) *builder {
	c.opts = r.AppendOptions(c.opts[:0])
	return &builder{c: c, r: r, opts: c.opts}
}

// option adds the meaning of one keyword.
func (b *builder) option(o *rule.Option) error {
	var err error
	switch w := b.c.lookup(o.Name).(type) {
	case *keyword:
		err = b.general(w, o)
	case *buffer:
		err = b.bufferWord(w, o)
	case []protoKeyword:
		err = b.protoWord(w, o)
	default:
		return b.unknown(o)
	}
	var ref *refusal
	if errors.As(err, &ref) && !strings.HasPrefix(ref.msg, o.Name+":") {
		return &refusal{msg: o.Name + ": " + ref.msg, hint: ref.hint, pos: ref.pos}
	}
	b.lastWasOther = o.Name != "content" && !isModifier(o.Name)
	return err
}

// isModifier tells the words that change the content before them.
func isModifier(name string) bool {
	switch name {
	case "nocase", "depth", "offset", "distance", "within", "startswith", "endswith", "rawbytes":
		return true
	}
	return false
}

func (b *builder) general(w *keyword, o *rule.Option) error {
	if w.arg == argNeeded && !o.HasVal {
		return refuse("no value", "")
	}
	if w.arg == argNone && o.HasVal && strings.TrimSpace(o.Value) != "" {
		return refuse(fmt.Sprintf("takes no value, got %q", o.Value), "")
	}
	return w.parse(b, o)
}

func (b *builder) unknown(o *rule.Option) error {
	if p := foreignKeyword(o.Name); p != "" {
		if _, ok := b.c.cfg.Registry.ByName(p); !ok {
			return needProto(p)
		}
	}
	return refuse(fmt.Sprintf("unknown keyword %q", o.Name), hintFor(o.Name, b.c.known()))
}

// bufferWord is a sticky buffer, or an old modifier that moves the content
// before it into the buffer.
func (b *builder) bufferWord(buf *buffer, o *rule.Option) error {
	if b.c.bufs.sticky[o.Name] == buf && b.c.bufs.modifier[o.Name] != buf {
		b.cur = b.newGroup(buf)
		b.cur.word = o
		return b.side(o)
	}
	from := b.groups[0]
	if b.lastGroup != from {
		return refuse("no content before it", "write the content first, or use the sticky buffer "+buf.name)
	}
	last := from.ops[b.lastIndex]
	from.ops = slices.Delete(from.ops, b.lastIndex, b.lastIndex+1)
	g := b.groupFor(buf)
	g.ops = append(g.ops, last)
	b.lastGroup, b.lastIndex, b.lastTest = g, len(g.ops)-1, g
	return nil
}

// side reads the direction that a transactional rule gives a buffer.
func (b *builder) side(o *rule.Option) error {
	switch strings.TrimSpace(o.Value) {
	case "":
		return nil
	case "to_server", "from_client":
		b.cur.only = proto.MaskServer
	case "to_client", "from_server":
		b.cur.only = proto.MaskClient
	default:
		return refuse(fmt.Sprintf("want nothing, to_server or to_client, got %q", o.Value), "")
	}
	if !b.s.transactional {
		return refuse("a direction needs a transactional rule", "write => in the header, or flow:"+strings.TrimSpace(o.Value))
	}
	return nil
}

// protoWord is a keyword of one or several protocols.
func (b *builder) protoWord(list []protoKeyword, o *rule.Option) error {
	t := txTest{name: o.Name, by: make([]txTestImpl, len(b.c.cfg.Registry.Descriptors))}
	value := o.Value
	if o.Neg && !strings.HasPrefix(strings.TrimSpace(value), "!") {
		value = "!" + value
	}
	for _, k := range list {
		test, err := k.kw.Parse(value)
		if err != nil {
			return refuse(err.Error(), "")
		}
		t.by[k.idx] = txTestImpl{dirs: k.kw.Dir, progress: k.kw.Progress, test: test}
	}
	b.addTxTest(t)
	// To Suricata urilen is a test on the buffer, the other keywords are not.
	b.cur.used = b.cur.used || o.Name == "urilen" && b.cur.buf.name == "http.uri"
	return nil
}

func (b *builder) addTxTest(t txTest) { b.s.txTests = append(b.s.txTests, t) }

func (b *builder) newGroup(buf *buffer) *group {
	g := &group{buf: buf}
	b.groups = append(b.groups, g)
	return g
}

// groupFor returns the last group on buf without transforms, or a new one.
func (b *builder) groupFor(buf *buffer) *group {
	for _, g := range slices.Backward(b.groups) {
		if g.buf == buf && len(g.xf) == 0 {
			return g
		}
	}
	return b.newGroup(buf)
}

func (b *builder) target() *group { return b.cur }

// addOp adds a test to the current buffer. Without a sticky buffer a relative
// test belongs to the buffer of the test before it.
func (b *builder) addOp(o op) error {
	g := b.cur
	if g == b.groups[0] && o.has(flagRelative) && b.lastTest != nil {
		g = b.lastTest
	}
	return b.addOpTo(g, o)
}

func (b *builder) addOpTo(g *group, o op) error {
	if len(g.ops) >= maxOps {
		return refuse(fmt.Sprintf("more than %d tests on %s", maxOps, g.buf.name), "")
	}
	g.ops = append(g.ops, o)
	b.lastTest = g
	if o.kind == opContent {
		b.lastGroup, b.lastIndex = g, len(g.ops)-1
	}
	return nil
}

func (b *builder) addTransform(t transform) error {
	if b.cur.buf.kind == bufPayload {
		return refuse("no sticky buffer before it", "")
	}
	if len(b.cur.ops) > 0 {
		// The contents so far see the buffer as it was.
		xf := slices.Clone(b.cur.xf)
		b.cur = b.newGroup(b.cur.buf)
		b.cur.xf = xf
	}
	b.cur.xf = append(b.cur.xf, t)
	return nil
}

// test adds a test that doesn't tie the rule to single packets.
func (b *builder) test(t packetTest) {
	b.headerTest = true
	b.s.tests = append(b.s.tests, t)
}

// packetTest adds a test on the packet itself.
func (b *builder) packetTest(t packetTest) {
	b.s.needPacket = true
	b.test(t)
}

// stateTest adds a test on flowbits and the like.
func (b *builder) stateTest(t packetTest) { b.s.tests = append(b.s.tests, t) }

func (b *builder) after(a action) { b.s.actions = append(b.s.actions, a) }

// warn notes a word without an effect, of a rule that may run nevertheless.
func (b *builder) warn(msg, hint string) { b.lint(LintNoEffect, msg, hint) }

// lint notes a complaint about the option that is being read.
func (b *builder) lint(kind Lint, msg, hint string) {
	at := b.r.Pos
	if b.opt != nil {
		at = b.opt.Pos
	}
	b.warnings = append(b.warnings, Verdict{SID: b.r.SID, GID: b.r.GID, Rev: b.r.Rev, Lint: kind,
		Pos: at, Reason: msg, Hint: hint, Rule: b.s.Rule})
}
