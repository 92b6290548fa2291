package rule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds of one evaluation.
const (
	maxVarDepth  = 16      // variables inside variables
	maxExprNodes = 1 << 20 // variables expanded, against doubling chains
)

// Vars maps a variable's name, '$' excluded, to its text as a rule header
// would hold it: "[10.0.0.0/8,192.168.0.0/16]", "any", "!$HOME_NET",
// "80,8080". The brackets of a list may be left out.
type Vars map[string]string

// Resolver evaluates address and port expressions against one set of
// variables. Equal expressions give the same set, by pointer. It is for one
// goroutine; the sets it returns are not.
//
// A list is the union of its plain elements, or everything if there are none,
// without its negated elements; '!' before a list is the complement.
type Resolver struct {
	vars  Vars
	addrs map[string]*AddrSet
	ports map[string]*PortSet

	depth, nodes int
}

// NewResolver returns a Resolver that reads vars, which must not change.
func NewResolver(vars Vars) *Resolver {
	return &Resolver{vars: vars, addrs: map[string]*AddrSet{}, ports: map[string]*PortSet{}}
}

// Addresses evaluates a. The error is an *Error at the place in the rule: an
// unknown variable, a bad one, a cycle, or an expression that leaves no
// address.
func (r *Resolver) Addresses(a *Addresses) (*AddrSet, error) {
	key := a.String()
	if s := r.addrs[key]; s != nil {
		return s, nil
	}
	r.depth, r.nodes = 0, 0
	f, err := r.addrNode(a.node())
	if err == nil && f.empty() {
		err = &Error{Pos: a.node().Pos, Msg: "address: " + quote(key) + " leaves no address",
			Hint: r.nothingHint(a.node().Var)}
	}
	if err != nil {
		return nil, err
	}
	s := newAddrSet(f)
	r.addrs[key] = s
	return s, nil
}

// Ports evaluates p; see Addresses.
func (r *Resolver) Ports(p *Ports) (*PortSet, error) {
	key := p.String()
	if s := r.ports[key]; s != nil {
		return s, nil
	}
	r.depth, r.nodes = 0, 0
	list, err := r.portNode(p.node())
	if err == nil && len(list) == 0 {
		err = &Error{Pos: p.node().Pos, Msg: "port: " + quote(key) + " leaves no port",
			Hint: r.nothingHint(p.node().Var)}
	}
	if err != nil {
		return nil, err
	}
	s := newPortSet(list)
	r.ports[key] = s
	return s, nil
}

// nothingHint says why nothing is left of an expression, or of the variable
// that is all of it.
func (r *Resolver) nothingHint(name string) string {
	if name == "" {
		return "a negated part covers all the others"
	}
	return fmt.Sprintf("$%s is %s, and that is nothing: set it as well, for example to any", name, r.vars[name])
}

// Resolve is Resolver.Addresses for one expression.
func (a Addresses) Resolve(vars Vars) (*AddrSet, error) { return NewResolver(vars).Addresses(&a) }

// Resolve is Resolver.Ports for one expression.
func (p Ports) Resolve(vars Vars) (*PortSet, error) { return NewResolver(vars).Ports(&p) }

func (r *Resolver) addrNode(n *AddrNode) (families, *Error) {
	var f families
	var err *Error
	switch n.Kind {
	case AddrAny:
		f = allAddresses()
	case AddrPrefix:
		f.put(spanOf(n.Prefix), n.Prefix.Addr().Is4())
	case AddrRange:
		f.put(span{numberOf(n.Low), numberOf(n.High)}, n.Low.Is4())
	case AddrVar:
		f, err = r.addrVar(n)
	case AddrList:
		f, err = r.addrList(n)
	}
	if err == nil && n.Neg {
		f = f.complement()
	}
	return f, err
}

func (f *families) put(s span, is4 bool) {
	if is4 {
		f.v4 = append(f.v4, s)
	} else {
		f.v6 = append(f.v6, s)
	}
}

func (r *Resolver) addrList(n *AddrNode) (families, *Error) {
	var plain, negated families
	some := false
	for i := range n.List {
		e := n.List[i]
		dst := &plain
		if e.Neg {
			e.Neg, dst = false, &negated
		} else {
			some = true
		}
		f, err := r.addrNode(&e)
		if err != nil {
			return families{}, err
		}
		dst.v4 = append(dst.v4, f.v4...)
		dst.v6 = append(dst.v6, f.v6...)
	}
	if !some {
		plain = allAddresses()
	}
	plain.v4, plain.v6 = normal(plain.v4), normal(plain.v6)
	negated.v4, negated.v6 = normal(negated.v4), normal(negated.v6)
	return plain.minus(negated), nil
}

func (r *Resolver) addrVar(n *AddrNode) (families, *Error) {
	text, err := r.enter(n.Var, n.Pos)
	if err != nil {
		return families{}, err
	}
	defer func() { r.depth-- }()
	a, bad := ParseAddresses("$"+n.Var, text)
	if bad != nil {
		return families{}, &Error{Pos: n.Pos, Msg: "variable " + bad.Error()}
	}
	f, err := r.addrNode(a.node())
	return f, inVariable(err, n.Var, n.Pos)
}

func (r *Resolver) portNode(n *PortNode) (spans, *Error) {
	var s spans
	var err *Error
	switch n.Kind {
	case PortAny:
		s = spans{{number{}, greatestPort()}}
	case PortRange:
		s = spans{{number{0, uint64(n.Low)}, number{0, uint64(n.High)}}}
	case PortVar:
		s, err = r.portVar(n)
	case PortList:
		s, err = r.portList(n)
	}
	if err == nil && n.Neg {
		s = s.complement(greatestPort())
	}
	return s, err
}

func (r *Resolver) portList(n *PortNode) (spans, *Error) {
	var plain, negated spans
	some := false
	for i := range n.List {
		e := n.List[i]
		dst := &plain
		if e.Neg {
			e.Neg, dst = false, &negated
		} else {
			some = true
		}
		s, err := r.portNode(&e)
		if err != nil {
			return nil, err
		}
		*dst = append(*dst, s...)
	}
	if !some {
		plain = spans{{number{}, greatestPort()}}
	}
	return normal(plain).minus(normal(negated), greatestPort()), nil
}

func (r *Resolver) portVar(n *PortNode) (spans, *Error) {
	text, err := r.enter(n.Var, n.Pos)
	if err != nil {
		return nil, err
	}
	defer func() { r.depth-- }()
	p, bad := ParsePorts("$"+n.Var, text)
	if bad != nil {
		return nil, &Error{Pos: n.Pos, Msg: "variable " + bad.Error()}
	}
	s, err := r.portNode(p.node())
	return s, inVariable(err, n.Var, n.Pos)
}

// enter counts one variable deeper and returns its text.
func (r *Resolver) enter(name string, at Pos) (string, *Error) {
	text, ok := r.vars[name]
	if !ok {
		names := slices.Sorted(maps.Keys(r.vars))
		return "", &Error{Pos: at, Msg: "unknown variable $" + name, Hint: r.varHint(name, names)}
	}
	if r.depth == maxVarDepth || r.nodes == maxExprNodes {
		return "", &Error{Pos: at, Msg: fmt.Sprintf(
			"variable $%s: contains itself, or more than %d others in each other", name, maxVarDepth)}
	}
	r.depth++
	r.nodes++
	return text, nil
}

func (r *Resolver) varHint(name string, names []string) string {
	if near := Nearest(name, names); near != "" {
		return "did you mean $" + near + "?"
	}
	return "the variables set are " + strings.Join(names, ", ")
}

// inVariable moves an error inside a variable's text to where it is used.
func inVariable(err *Error, name string, at Pos) *Error {
	if err != nil {
		err.Pos = at
		err.Msg = "$" + name + ": " + err.Msg
	}
	return err
}
