package rule

import "net/netip"

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
type Addresses struct{ Root AddrNode }

// PortKind says which fields of a PortNode hold its value.
type PortKind uint8

// Kinds of port node.
const (
	PortAny   PortKind = iota // any
	PortVar                   // $NAME; Var holds NAME
	PortRange                 // Low-High, both included; equal for one port
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
type Ports struct{ Root PortNode }
