package rule

import (
	"fmt"
	"strconv"
	"strings"
)

// PortKind says which fields of a PortNode hold its value.
type PortKind uint8

// Kinds of port node.
const (
	PortAny   PortKind = iota // any
	PortVar                   // $NAME; Var holds NAME
	PortRange                 // Low:High, both included; equal for one port
	PortList                  // [a,b,...]; List
)

// PortNode is one node of a port expression, variables unresolved.
type PortNode struct {
	Kind      PortKind
	Neg       bool // '!' stands before it
	Pos       Pos
	Var       string
	Low, High uint16
	List      []PortNode
}

// Ports is a port field of a rule header. The zero value is any.
type Ports struct{ Root *PortNode }

// node is the expression; nil stands for any.
func (p *Ports) node() *PortNode {
	if p.Root == nil {
		return &PortNode{}
	}
	return p.Root
}

// ParsePorts parses a port expression that stands outside a rule, such as a
// variable's value. Errors carry name as the file.
func ParsePorts(name, text string) (Ports, error) {
	x := textExpr(name, text)
	node, err := x.portField()
	if err := x.finish(err, "port"); err != nil {
		return Ports{}, err
	}
	return Ports{Root: &node}, nil
}

// portField parses a whole field. A list may stand there without brackets.
func (x *expr) portField() (PortNode, *Error) {
	n, err := x.port(0)
	if err != nil || x.peek() != ',' {
		return n, err
	}
	list := PortNode{Kind: PortList, Pos: n.Pos, List: []PortNode{n}}
	for x.peek() == ',' && err == nil {
		x.i++
		n, err = x.port(1)
		list.List = append(list.List, n)
	}
	return list, err
}

// port parses one node at the cursor; depth counts the lists around it.
func (x *expr) port(depth int) (PortNode, *Error) {
	x.skip()
	n := PortNode{Pos: x.pos(x.i)}
	n.Neg = x.negations()
	if x.peek() != '[' {
		return n, x.portWord(&n)
	}
	n.Kind = PortList
	err := x.list(depth, func() *Error {
		element, err := x.port(depth + 1)
		n.List = append(n.List, element)
		return err
	})
	return n, err
}

func (x *expr) portWord(n *PortNode) *Error {
	at := x.i
	word := x.word()
	if word == "any" {
		n.Kind = PortAny
		return nil
	}
	if strings.HasPrefix(word, "$") {
		n.Kind, n.Var = PortVar, word[1:]
		return x.checkVar(at, n.Var)
	}
	var err error
	n.Kind = PortRange
	if n.Low, n.High, err = parsePortRange(word); err != nil {
		return x.errorAt(at, portHint(word),
			"port: want any, 0-65535, a range low:high, a $VARIABLE or a [list], got "+quote(word))
	}
	return nil
}

func portHint(word string) string {
	if low, high, dash := strings.Cut(word, "-"); dash {
		return fmt.Sprintf("a range is written %s:%s", low, high)
	}
	return addressHint(word)
}

// parsePortRange reads "80", "80:90", "1024:" and ":1023".
func parsePortRange(word string) (low, high uint16, err error) {
	a, b, colon := strings.Cut(word, ":")
	if !colon {
		low, err = parsePort(a)
		return low, low, err
	}
	if a == "" && b == "" {
		return 0, 0, fmt.Errorf("empty range")
	}
	high = 65535
	if a != "" {
		if low, err = parsePort(a); err != nil {
			return 0, 0, err
		}
	}
	if b != "" {
		if high, err = parsePort(b); err != nil {
			return 0, 0, err
		}
	}
	if low > high {
		return 0, 0, fmt.Errorf("range %d:%d", low, high)
	}
	return low, high, nil
}

func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 16)
	return uint16(n), err
}

// String prints the expression so that parsing gives it again.
func (p Ports) String() string {
	var b strings.Builder
	p.node().print(&b)
	return b.String()
}

func (n *PortNode) print(b *strings.Builder) {
	if n.Neg {
		b.WriteByte('!')
	}
	switch n.Kind {
	case PortAny:
		b.WriteString("any")
	case PortVar:
		b.WriteString("$" + n.Var)
	case PortRange:
		b.WriteString(strconv.Itoa(int(n.Low)))
		if n.Low != n.High {
			b.WriteString(":" + strconv.Itoa(int(n.High)))
		}
	case PortList:
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
