package traffic

import (
	"fmt"
	"hash/fnv"
	"net/netip"
)

// The network of the scenarios: one VPC, 10.20.0.0/16, and the Internet of the
// documentation ranges.

// Host is an instance of the VPC whose interface is mirrored.
type Host struct {
	Name string
	Addr netip.Addr // primary address: Frame.ENI of what its mirror shows
	// ENI, Instance and VNI are what an inventory of the VPC would know of it:
	// one mirror session an interface, one VNI a session.
	ENI, Instance string
	VNI           uint32
}

// Fleet lists all hosts of the scenarios. The resolver is not among them: it is
// no instance and cannot be mirrored.
func Fleet() []Host {
	var out []Host
	add := func(subnet, first int, names ...string) {
		for i, name := range names {
			id := subnet<<8 | (first + i)
			out = append(out, Host{
				Name: name, Addr: host(subnet, first+i),
				ENI:      fmt.Sprintf("eni-0a57%013x", id),
				Instance: fmt.Sprintf("i-0b57%013x", id),
				VNI:      4_000_000 + uint32(id),
			})
		}
	}
	add(0, 10, "bastion")
	add(0, 20, "lb-1", "lb-2")
	add(1, 11, "web-1", "web-2", "web-3", "web-4")
	add(2, 11, "app-1", "app-2", "app-3", "app-4", "app-5", "app-6")
	add(2, 21, "stock")
	add(2, 40, "build")
	add(3, 11, "postgres", "mysql")
	add(3, 21, "cache")
	add(3, 31, "broker")
	add(3, 41, "search")
	add(3, 51, "catalogue")
	add(4, 10, "directory")
	add(4, 21, "ftp")
	add(4, 25, "mail")
	add(4, 30, "monitor")
	add(4, 45, "files")
	add(4, 60, "pbx")
	add(5, 15, "desk-1")
	add(5, 40, "desktop-1")
	return out
}

// host is an address of the VPC.
func host(subnet, n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 20, byte(subnet), byte(n)}) }

// hostIPv6 is the second address of web-1.
func hostIPv6() netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x20, 7: 1, 15: 0x11})
}

// ours reports whether a host is in the VPC.
func ours(a netip.Addr) bool { return a.Is4() && a.As4()[0] == 10 || a == hostIPv6() }

// mirrored is the primary address of the interface that shows a conversation:
// the server's when it is an instance of ours, else the client's.
func mirrored(client, server netip.Addr) netip.Addr {
	a := client
	if ours(server) && server != resolver() {
		a = server
	}
	if a == hostIPv6() {
		return host(1, 11)
	}
	return a
}

func resolver() netip.Addr  { return host(0, 2) } // Amazon DNS
func bastion() netip.Addr   { return host(0, 10) }
func mailRelay() netip.Addr { return host(4, 25) }
func directory() netip.Addr { return host(4, 10) }
func monitor() netip.Addr   { return host(4, 30) }
func database() netip.Addr  { return host(3, 11) }
func cache() netip.Addr     { return host(3, 21) }
func broker() netip.Addr    { return host(3, 31) }

// Members of the tiers.
func (s *Scene) balancer() netip.Addr { return host(0, 20+s.rng.IntN(2)) }
func (s *Scene) web() netip.Addr      { return host(1, 11+s.rng.IntN(4)) }
func (s *Scene) app() netip.Addr      { return host(2, 11+s.rng.IntN(6)) }

// jumpUser is where the administrators come from.
func jumpUser() netip.Addr { return netip.AddrFrom4([4]byte{203, 0, 113, 9}) }

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
