//go:build linux && (amd64 || arm64)

package udp

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// All unsafe code of the package is in this file: the two system calls that
// x/sys does not wrap. The kernel sees pointers during a call only, and what
// they point to is owned by the receiver, which lives longer.

const (
	nameLen = unix.SizeofSockaddrInet6
	// controlLen has room for a timestamp, an address of either family, and
	// as much again.
	controlLen = 128
)

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
}

// receiver is the memory of one socket: per datagram a buffer, the sender's
// address and the ancillary data, linked for the kernel once.
type receiver struct {
	src     *Source
	msgs    []mmsghdr
	iovs    []unix.Iovec
	names   [][nameLen]byte
	control [][controlLen]byte
	data    []byte
	room    int

	// What try leaves for receive; try is called by the runtime's poller and
	// made once, so that no closure is allocated a batch.
	try   func(fd uintptr) bool
	want  int
	got   int
	errno syscall.Errno
}

func newReceiver(s *Source, frames, room int) *receiver {
	r := &receiver{
		src:     s,
		msgs:    make([]mmsghdr, frames),
		iovs:    make([]unix.Iovec, frames),
		names:   make([][nameLen]byte, frames),
		control: make([][controlLen]byte, frames),
		data:    make([]byte, frames*room),
		room:    room,
	}
	for i := range r.msgs {
		r.iovs[i].Base = &r.data[i*room]
		r.iovs[i].SetLen(room)
		h := &r.msgs[i].hdr
		h.Name = &r.names[i][0]
		h.Iov = &r.iovs[i]
		h.SetIovlen(1)
		h.Control = &r.control[i][0]
		r.reset(i)
	}
	r.try = r.recv
	return r
}

func (r *receiver) size() int { return len(r.msgs) }

// reset undoes what the kernel wrote into a header.
func (r *receiver) reset(i int) {
	h := &r.msgs[i].hdr
	h.Namelen = nameLen
	h.SetControllen(controlLen)
	h.Flags = 0
}

// recv calls recvmmsg once; false asks the poller to wait and call again. With
// MSG_TRUNC the kernel tells the length of a datagram that does not fit.
func (r *receiver) recv(fd uintptr) bool {
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&r.msgs[0])),
		uintptr(r.want), unix.MSG_DONTWAIT|unix.MSG_TRUNC, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return false
	}
	r.got, r.errno = int(n), errno
	return true
}

// receive waits for datagrams and lends them as frames.
func (r *receiver) receive(raw syscall.RawConn, b *capture.Batch) error {
	if invariant.Enabled {
		r.scribble()
	}
	r.want = min(len(b.Frames), len(r.msgs))
	if err := raw.Read(r.try); err != nil {
		return err
	}
	return r.take(b)
}

// queued lends datagrams that are there, without waiting; more tells that there
// may be others.
func (r *receiver) queued(raw syscall.RawConn, b *capture.Batch) (more bool, err error) {
	if invariant.Enabled {
		r.scribble()
	}
	r.want = min(len(b.Frames), len(r.msgs))
	if err := raw.Control(func(fd uintptr) { more = r.try(fd) }); err != nil || !more {
		return false, err
	}
	return true, r.take(b)
}

// take lends what recv got.
func (r *receiver) take(b *capture.Batch) error {
	switch r.errno {
	case 0:
	case unix.ECONNREFUSED: // an ICMP error that someone sent us
		return nil
	default:
		return os.NewSyscallError("recvmmsg", r.errno)
	}
	var bytes, cut, bad uint64
	for i := range r.got {
		wire := int(r.msgs[i].n)
		n := min(wire, r.room)
		if n < tunnelHeaderLen {
			bad++
			r.reset(i)
			continue
		}
		if wire > n {
			cut++
		}
		bytes += uint64(n)
		r.lend(&b.Frames[b.N], i, n, wire)
		b.N++
	}
	s := r.src
	s.frames.Add(uint64(b.N))
	s.bytes.Add(bytes)
	s.cut.Add(cut)
	s.bad.Add(bad)
	return nil
}

// scribble overwrites what the last batch lent.
func (r *receiver) scribble() {
	for i := range r.got {
		invariant.Scribble(r.data[i*r.room:][:min(int(r.msgs[i].n), r.room)])
	}
}

// lend describes datagram i as a frame and readies its header for the next.
func (r *receiver) lend(f *capture.Frame, i, n, wire int) {
	at := i * r.room
	f.Data = r.data[at : at+n : at+n]
	f.WireLen = wire
	f.Link = packet.LinkEthernet
	f.Time = 0
	f.Outer = r.src.outer
	name := &r.names[i]
	f.Outer.SrcPort = binary.BigEndian.Uint16(name[2:])
	if binary.NativeEndian.Uint16(name[:]) == unix.AF_INET {
		f.Outer.Src = packet.AddrFrom4([4]byte(name[4:]))
	} else {
		f.Outer.Src = packet.Addr(name[8:])
	}
	r.ancillary(f, r.control[i][:min(r.msgs[i].hdr.Controllen, controlLen)])
	if f.Time == 0 {
		f.Time = time.Now().UnixNano()
	}
	r.reset(i)
}

// ancillary reads the control messages: cmsghdr{len uint64, level, type int32}
// and its data, padded to 8 bytes (64-bit Linux).
func (r *receiver) ancillary(f *capture.Frame, c []byte) {
	ne := binary.NativeEndian
	const head = unix.SizeofCmsghdr
	for len(c) >= head {
		n := int(ne.Uint64(c))
		if n < head || n > len(c) {
			return
		}
		v := c[head:n]
		switch level, typ := ne.Uint32(c[8:]), ne.Uint32(c[12:]); {
		case level == unix.SOL_SOCKET && typ == unix.SCM_TIMESTAMPNS && len(v) >= 16:
			f.Time = int64(ne.Uint64(v))*1e9 + int64(ne.Uint64(v[8:]))
		case level == unix.IPPROTO_IP && typ == unix.IP_PKTINFO && len(v) >= 12:
			f.Outer.Dst = packet.AddrFrom4([4]byte(v[8:])) // ipi_addr
		case level == unix.IPPROTO_IPV6 && typ == unix.IPV6_PKTINFO && len(v) >= 16:
			f.Outer.Dst = packet.Addr(v)
		}
		c = c[min((n+7)&^7, len(c)):]
	}
}

// socketDrops reads how many datagrams the socket has lost for want of room.
func socketDrops(fd int) (uint32, bool) {
	var v [memVars]uint32
	size := uint32(unsafe.Sizeof(v))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, soMeminfo,
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	return v[memDrops], errno == 0 && size > memDrops*4
}
