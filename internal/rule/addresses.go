package rule

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// AddrKind says which fields of an AddrNode hold its value.
type AddrKind uint8

// Kinds of address node.
const (
	AddrAny    AddrKind = iota // any
	AddrVar                    // $NAME; Var holds NAME
	AddrPrefix                 // an address or CIDR block; Prefix
	AddrRange                  // low-high, both included; Low, High
	AddrList                   // [a,b,...]; List
)

// AddrNode is one node of an address expression, variables unresolved.
type AddrNode struct {
	Kind      AddrKind
	Neg       bool // '!' stands before it
	Pos       Pos
	Var       string
	Prefix    netip.Prefix // masked
	Low, High netip.Addr
	List      []AddrNode
}

// Addresses is an address field of a rule header. The zero value is any.
type Addresses struct{ Root *AddrNode }

// node is the expression; nil stands for any.
func (a *Addresses) node() *AddrNode {
	if a.Root == nil {
		return &AddrNode{}
	}
	return a.Root
}

// ParseAddresses parses an address expression that stands outside a rule, such
// as a variable's value. Errors carry name as the file.
func ParseAddresses(name, text string) (Addresses, error) {
	x := textExpr(name, text)
	node, err := x.addressField()
	if err := x.finish(err, "address"); err != nil {
		return Addresses{}, err
	}
	return Addresses{Root: &node}, nil
}

// addressField parses a whole field. A list may stand there without brackets.
func (x *expr) addressField() (AddrNode, *Error) {
	n, err := x.address(0)
	if err != nil || x.peek() != ',' {
		return n, err
	}
	list := AddrNode{Kind: AddrList, Pos: n.Pos, List: []AddrNode{n}}
	for x.peek() == ',' && err == nil {
		x.i++
		n, err = x.address(1)
		list.List = append(list.List, n)
	}
	return list, err
}

// address parses one node at the cursor; depth counts the lists around it.
func (x *expr) address(depth int) (AddrNode, *Error) {
	x.skip()
	n := AddrNode{Pos: x.pos(x.i)}
	n.Neg = x.negations()
	if x.peek() != '[' {
		return n, x.addressWord(&n)
	}
	n.Kind = AddrList
	err := x.list(depth, func() *Error {
		element, err := x.address(depth + 1)
		n.List = append(n.List, element)
		return err
	})
	return n, err
}

func (x *expr) addressWord(n *AddrNode) *Error {
	at := x.i
	word := x.word()
	var err error
	switch low, high, dash := strings.Cut(word, "-"); {
	case word == "any":
		n.Kind = AddrAny
		return nil
	case strings.HasPrefix(word, "$"):
		n.Kind, n.Var = AddrVar, word[1:]
		return x.checkVar(at, n.Var)
	case dash:
		n.Kind = AddrRange
		n.Low, n.High, err = parseAddrRange(low, high)
	default:
		n.Kind = AddrPrefix
		n.Prefix, err = parsePrefix(word)
	}
	if err != nil {
		return x.errorAt(at, addressHint(word),
			"address: want any, an address, a CIDR block, a range, a $VARIABLE or a [list], got "+quote(word))
	}
	return nil
}

func addressHint(word string) string {
	if isName(word) && strings.ToUpper(word) == word && strings.ContainsAny(word, "_ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
		return "a variable is written $" + word
	}
	if strings.EqualFold(word, "any") {
		return "any is written in lower case"
	}
	return ""
}

func parseAddrRange(low, high string) (a, b netip.Addr, err error) {
	if a, err = netip.ParseAddr(strings.TrimSpace(low)); err != nil {
		return a, b, err
	}
	if b, err = netip.ParseAddr(strings.TrimSpace(high)); err != nil {
		return a, b, err
	}
	a, b = a.Unmap(), b.Unmap()
	if a.Is4() != b.Is4() || a.Zone() != "" || b.Zone() != "" || b.Less(a) {
		return a, b, fmt.Errorf("range %s-%s", low, high)
	}
	return a, b, nil
}

// parsePrefix reads address, address/bits and address/netmask.
func parsePrefix(word string) (netip.Prefix, error) {
	addr, length, slash := strings.Cut(word, "/")
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, err
	}
	if a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("zone %q", a.Zone())
	}
	if !slash {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	if strings.Contains(length, ".") && a.Is4() {
		return maskedPrefix(a, length)
	}
	p, err := netip.ParsePrefix(word)
	if err == nil && a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), err
}

// maskedPrefix reads a contiguous IPv4 netmask.
func maskedPrefix(a netip.Addr, mask string) (netip.Prefix, error) {
	m, err := netip.ParseAddr(mask)
	if err != nil || !m.Is4() {
		return netip.Prefix{}, fmt.Errorf("netmask %q", mask)
	}
	b := m.As4()
	v := binary.BigEndian.Uint32(b[:])
	ones := bits.LeadingZeros32(^v)
	if v<<ones != 0 {
		return netip.Prefix{}, fmt.Errorf("netmask %q", mask)
	}
	return netip.PrefixFrom(a, ones).Masked(), nil
}

// String prints the expression so that parsing gives it again.
func (a Addresses) String() string {
	var b strings.Builder
	a.node().print(&b)
	return b.String()
}

func (n *AddrNode) print(b *strings.Builder) {
	if n.Neg {
		b.WriteByte('!')
	}
	switch n.Kind {
	case AddrAny:
		b.WriteString("any")
	case AddrVar:
		b.WriteString("$" + n.Var)
	case AddrRange:
		b.WriteString(n.Low.String() + "-" + n.High.String())
	case AddrPrefix:
		if n.Prefix.IsSingleIP() {
			b.WriteString(n.Prefix.Addr().String())
		} else {
			b.WriteString(n.Prefix.String())
		}
	case AddrList:
		b.WriteByte('[')
		for i := range n.List {
			if i > 0 {
				b.WriteByte(',')
			}
			n.List[i].print(b)
		}
		b.WriteByte(']')
	}
}
