package detect

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Bounds of what expressions keep.
const (
	maxCaptures = 8   // of one expression
	maxKept     = 32  // of one flow, and of one packet
	maxVarLen   = 255 // bytes of a value; what is beyond is cut off
)

// scope says how long a captured value lives, by its word in a rule.
type scope uint8

const (
	scopeFlow scope = iota
	scopePacket
	scopeAlert
)

func scopeByName(s string) (scope, bool) {
	switch s {
	case "flow":
		return scopeFlow, true
	case "pkt":
		return scopePacket, true
	case "alert":
		return scopeAlert, true
	}
	return 0, false
}

// groupVar is a group of an expression that is kept under a name.
type groupVar struct {
	scope scope
	group int
	name  string
	id    uint64 // of name
	key   int    // the group that is the name, 0: name is
}

// Var is a value that a rule's expression has captured. Both parts are
// borrowed until the Engine's next Inspect.
type Var struct {
	Name  []byte
	Value []byte
}

func (v *Var) set(name, value []byte) {
	v.Name = append(v.Name[:0], name[:min(len(name), maxVarLen)]...)
	v.Value = append(v.Value[:0], value[:min(len(value), maxVarLen)]...)
}

// grown lengthens a list by an element whose memory may have been used before.
func grown[T any](s []T) []T {
	if len(s) < cap(s) {
		return s[:len(s)+1]
	}
	var zero T
	return append(s, zero)
}

// captures reads the names that groups of p are kept under: those behind the
// flags, in the order of the groups, else those of named groups ("flow_x").
func (b *builder) captures(p *rule.PCRE, o *op) error {
	var out []groupVar
	for i, v := range p.Vars {
		word, name, _ := strings.Cut(v, ":")
		sc, ok := scopeByName(word)
		if !ok || name == "" {
			return refuse(fmt.Sprintf("want flow:name, pkt:name or alert:name, got %q", v), "")
		}
		if i > 0 && sc == scopePacket && name == "value" && p.Vars[i-1] == "pkt:key" {
			last := &out[len(out)-1]
			last.key, last.group = last.group, i+1
			continue
		}
		out = append(out, groupVar{scope: sc, group: i + 1, name: name})
	}
	if len(p.Vars) > o.re.NumGroups() {
		return refuse(fmt.Sprintf("%d names for %d groups", len(p.Vars), o.re.NumGroups()), "")
	}
	if len(p.Vars) == 0 {
		out = namedCaptures(p.Expr, o)
	}
	if len(out) > maxCaptures {
		return refuse(fmt.Sprintf("more than %d groups are kept", maxCaptures), "")
	}
	for i := range out {
		c := &out[i]
		c.id = nameID(c.name)
		b.s.bits.writes = append(b.s.bits.writes, varID(c.scope, c.name))
	}
	if len(out) > 0 {
		o.x = &opExtra{caps: out}
		b.keeps()
	}
	return nil
}

// namedCaptures finds (?P<flow_name>…) and the like.
func namedCaptures(expr string, o *op) (out []groupVar) {
	for _, part := range strings.Split(expr, "(?P<")[1:] {
		full, _, _ := strings.Cut(part, ">")
		word, name, _ := strings.Cut(full, "_")
		sc, ok := scopeByName(word)
		if g := o.re.Group(full); ok && name != "" && g > 0 {
			out = append(out, groupVar{scope: sc, group: g, name: name})
		}
	}
	return out
}

// varID tells rules that set a variable from those that read it; flowbits of
// the same name are something else.
func varID(sc scope, name string) uint64 { return nameID(fmt.Sprint("var ", sc, " ", name)) }

// keeps has what the rule captured kept when it has matched.
func (b *builder) keeps() {
	if b.capturing {
		return
	}
	b.capturing = true
	b.after(func(c *ctx) {
		for i := range c.kept {
			c.keepVar(&c.kept[i])
		}
	})
}

// kept is a captured value while the rule is still being evaluated.
type kept struct {
	c *groupVar
	Var
}

// catch notes the groups of o's match at start in b. An expression that is
// tried again replaces what it has noted.
func (c *ctx) catch(o *op, b []byte, start int) {
	at := o.re.FindSubmatch(b, start, &c.re)
	for i := range o.x.caps {
		cp := &o.x.caps[i]
		if 2*cp.group+1 >= len(at) || at[2*cp.group] < 0 {
			continue
		}
		k := c.keptOf(cp)
		name := []byte(nil)
		if cp.key > 0 && at[2*cp.key] >= 0 {
			name = b[at[2*cp.key]:at[2*cp.key+1]]
		}
		k.set(name, b[at[2*cp.group]:at[2*cp.group+1]])
		if cp.key == 0 {
			k.Name = append(k.Name, cp.name[:min(len(cp.name), maxVarLen)]...)
		}
	}
}

func (c *ctx) keptOf(cp *groupVar) *kept {
	for i := range c.kept {
		if c.kept[i].c == cp {
			return &c.kept[i]
		}
	}
	c.kept = grown(c.kept)
	k := &c.kept[len(c.kept)-1]
	k.c = cp
	return k
}

// keepVar files a value of a rule that has matched.
func (c *ctx) keepVar(k *kept) {
	switch k.c.scope {
	case scopeFlow:
		if fs := c.state(); fs != nil && len(k.Value) > 0 {
			fs.setVar(k, &c.e.Counters)
		}
		return
	case scopePacket:
		c.e.pktVars = c.e.addVar(c.e.pktVars, k)
	case scopeAlert:
		c.e.context = c.e.addVar(c.e.context, k)
	}
}

func (e *Engine) addVar(list []Var, k *kept) []Var {
	if len(list) >= maxKept {
		e.Counters.FlowBitsFull++
		return list
	}
	list = grown(list)
	list[len(list)-1].set(k.Name, k.Value)
	return list
}

// flowVar is a captured value that lives as long as the flow.
type flowVar struct {
	id uint64 // of the name
	Var
}

func (fs *FlowState) varAt(id uint64) *flowVar {
	for i := range fs.vars {
		if fs.vars[i].id == id {
			return &fs.vars[i]
		}
	}
	return nil
}

func (fs *FlowState) setVar(k *kept, n *Counters) {
	v := fs.varAt(k.c.id)
	if v == nil {
		if len(fs.vars) >= maxKept {
			n.FlowBitsFull++
			return
		}
		fs.vars = grown(fs.vars)
		v = &fs.vars[len(fs.vars)-1]
		v.id = k.c.id
	}
	v.set(k.Name, k.Value)
}

// FlowVars calls yield with each captured value of f, in the order they were
// set, for a record's metadata. They are borrowed.
func (e *Engine) FlowVars(f *flow.Flow, yield func(Var) bool) {
	fs, _ := f.Detect.(*FlowState)
	if fs == nil {
		return
	}
	for i := range fs.vars {
		if !yield(fs.vars[i].Var) {
			return
		}
	}
}

// PacketVars are the values captured for the packet that Inspect looked at last.
func (e *Engine) PacketVars() []Var { return e.pktVars }

// parseVar reads "name,content": a test on what a rule before has captured.
func parseVar(sc scope) func(b *builder, opt *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		name, text, ok := strings.Cut(opt.Value, ",")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return refuse("want name, content", "")
		}
		want, not, err := rule.ParseContent(strings.TrimSpace(text))
		if err != nil {
			return err
		}
		if not || opt.Neg {
			return refuse("can't be negated", "")
		}
		b.s.bits.reads = append(b.s.bits.reads, varID(sc, name))
		if sc == scopePacket {
			b.stateTest(func(c *ctx) bool { return c.e.pktVar(name, want) })
			return nil
		}
		id := nameID(name)
		b.needFlow = true
		b.stateTest(func(c *ctx) bool {
			if c.fs == nil {
				return false
			}
			v := c.fs.varAt(id)
			return v != nil && bytes.Contains(v.Value, want)
		})
		return nil
	}
}

func (e *Engine) pktVar(name string, want []byte) bool {
	for i := range e.pktVars {
		if v := &e.pktVars[i]; string(v.Name) == name && bytes.Contains(v.Value, want) {
			return true
		}
	}
	return false
}
