package traffic

import (
	"hash/fnv"
	"net/netip"
)

// The network of the scenarios: one VPC, 10.20.0.0/16, and the Internet of the
// documentation ranges.

// host is an address of the VPC.
func host(subnet, n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 20, byte(subnet), byte(n)}) }

func resolver() netip.Addr  { return host(0, 2) } // Amazon DNS
func bastion() netip.Addr   { return host(0, 10) }
func jumpUser() netip.Addr  { return netip.AddrFrom4([4]byte{203, 0, 113, 9}) }
func mailRelay() netip.Addr { return host(4, 25) }
func directory() netip.Addr { return host(4, 10) }
func monitor() netip.Addr   { return host(4, 30) }

// Members of the tiers.
func (s *Scene) balancer() netip.Addr { return host(0, 20+s.rng.IntN(2)) }
func (s *Scene) web() netip.Addr      { return host(1, 11+s.rng.IntN(4)) }
func (s *Scene) app() netip.Addr      { return host(2, 11+s.rng.IntN(6)) }
func database() netip.Addr            { return host(3, 11) }
func cache() netip.Addr               { return host(3, 21) }
func broker() netip.Addr              { return host(3, 31) }

// visitor is somebody on the Internet.
func (s *Scene) visitor() netip.Addr {
	return netip.AddrFrom4([4]byte{203, 0, 113, byte(100 + s.rng.IntN(150))})
}

// Villains keep their addresses, so that incidents group.
func attacker() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 66}) }
func villain() netip.Addr  { return netip.AddrFrom4([4]byte{198, 51, 100, 66}) }

// site is the address of a name on the Internet: the same every time.
func site(name string) netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	return netip.AddrFrom4([4]byte{198, 51, 100, byte(100 + h.Sum32()%150)})
}

// at adds a port.
func at(a netip.Addr, port uint16) netip.AddrPort { return netip.AddrPortFrom(a, port) }
