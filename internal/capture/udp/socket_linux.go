//go:build linux && (amd64 || arm64)

package udp

import (
	"fmt"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// soMeminfo and memDrops: getsockopt(SO_MEMINFO) yields an array of uint32,
// the last of which counts drops (linux/sock_diag.h, Linux 4.12).
const (
	soMeminfo = 55
	memDrops  = 8
	memVars   = 9
)

// prepare sets the options of a socket before it is bound and returns the size
// of the receive buffer that the kernel granted.
func prepare(fd int, share bool, rcvbuf int) (int, error) {
	if share {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			return 0, os.NewSyscallError("SO_REUSEPORT", err)
		}
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, rcvbuf) != nil {
		// Without CAP_NET_ADMIN: as much as net.core.rmem_max allows.
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, rcvbuf); err != nil {
			return 0, os.NewSyscallError("SO_RCVBUF", err)
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return 0, os.NewSyscallError("SO_TIMESTAMPNS", err)
	}
	if err := wantDestination(fd); err != nil {
		return 0, err
	}
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return n, os.NewSyscallError("SO_RCVBUF", err)
}

// wantDestination asks for the address that each datagram was sent to: a
// wildcard socket does not know it otherwise.
func wantDestination(fd int) error {
	domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return os.NewSyscallError("SO_DOMAIN", err)
	}
	if domain == unix.AF_INET6 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1)
		return os.NewSyscallError("IPV6_RECVPKTINFO", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1)
	return os.NewSyscallError("IP_PKTINFO", err)
}

// refuse attaches a filter that lets nothing through; what a filter refuses
// counts as dropped by the socket.
func refuse(fd int) error {
	none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}
	f := unix.SockFprog{Len: 1, Filter: &none}
	return os.NewSyscallError("SO_ATTACH_FILTER", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &f))
}

// steer makes the kernel choose the socket of the group by inner flow.
func (s *Source) steer(n int) error {
	raw, err := bpf.Assemble(steering(s.outer.Encap, n))
	if err != nil {
		return fmt.Errorf("BUG: steering program: %w", err)
	}
	prog := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		prog[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	f := unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]}
	if e := s.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF, &f)
	}); e != nil {
		err = e
	}
	if err != nil {
		return &ListenError{s.addr, os.NewSyscallError("SO_ATTACH_REUSEPORT_CBPF", err)}
	}
	return nil
}
