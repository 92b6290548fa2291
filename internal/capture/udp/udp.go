// Package udp receives mirrored frames as the datagrams that carry them: VXLAN
// on port 4789, GENEVE on port 6081. It is the default source, for it needs no
// privilege.
//
// It owns sockets and the memory that datagrams are received into. It never
// looks inside a datagram, never answers one, and has no list of allowed
// senders: that is the sensor's.
package udp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

const (
	defaultAddr = "0.0.0.0:4789"
	// defaultFrameBytes holds the largest datagram that a 9,001-byte MTU
	// brings, 8,973 bytes (AWS's jumbo frames).
	defaultFrameBytes  = 9216
	defaultBatchFrames = 64
	maxBatchFrames     = 1024 // UIO_MAXIOV, the most recvmmsg takes
	// defaultReceiveBuffer bridges some 50 ms of one worker's best rate.
	defaultReceiveBuffer = 32 << 20
	// tunnelHeaderLen is the least that VXLAN and GENEVE have.
	tunnelHeaderLen = 8
)

// Options adjust Open and OpenGroup; the zero value listens for VXLAN on all
// IPv4 addresses.
type Options struct {
	// Addr is ADDRESS:PORT, default "0.0.0.0:4789". Without an address
	// (":4789") IPv4 and IPv6 are received by one socket. Port 0 lets the
	// kernel choose.
	Addr string
	// Encap is how the datagrams are read; EncapNone means by port, GENEVE
	// on 6081 and VXLAN on every other.
	Encap packet.Encap
	// ReceiveBuffer is the kernel's buffer in bytes, default 32 MiB. Without
	// CAP_NET_ADMIN the kernel allows net.core.rmem_max at most.
	ReceiveBuffer int
	// BatchFrames and FrameBytes size the memory of a socket: the frames of a
	// batch (default 64) and the room for each (default 9,216 bytes).
	BatchFrames, FrameBytes int
}

func (o Options) withDefaults() Options {
	if o.Addr == "" {
		o.Addr = defaultAddr
	}
	if o.ReceiveBuffer <= 0 {
		o.ReceiveBuffer = defaultReceiveBuffer
	}
	if o.BatchFrames <= 0 {
		o.BatchFrames = defaultBatchFrames
	}
	o.BatchFrames = min(o.BatchFrames, maxBatchFrames)
	if o.FrameBytes <= 0 {
		o.FrameBytes = defaultFrameBytes
	}
	return o
}

// ListenError says that an address cannot be listened on.
type ListenError struct {
	Addr string
	Err  error
}

// Error names the address and the cause.
func (e *ListenError) Error() string {
	cause := e.Err
	var errno syscall.Errno
	if errors.As(cause, &errno) {
		cause = errno // "listen udp4 …: bind:" says nothing that Addr does not
	}
	return fmt.Sprintf("listen %s/udp: %v", e.Addr, cause)
}

// Unwrap returns the cause.
func (e *ListenError) Unwrap() error { return e.Err }

// Hint tells an operator what to try, or is empty.
func (e *ListenError) Hint() string {
	_, port, _ := net.SplitHostPort(e.Addr)
	switch {
	case errors.Is(e.Err, errAddr):
		return "write ADDRESS:PORT, for example 0.0.0.0:4789"
	case errors.Is(e.Err, syscall.EADDRINUSE):
		return fmt.Sprintf("something else listens there: ss -ulnp 'sport = :%s'; the kernel's own "+
			"VXLAN device counts too: ip link show type vxlan", port)
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address (ip address); 0.0.0.0 means all of them"
	case errors.Is(e.Err, syscall.EACCES):
		return "ports below 1024 need CAP_NET_BIND_SERVICE; mirrored traffic comes to 4789 or 6081"
	case errors.Is(e.Err, syscall.EAFNOSUPPORT):
		return "this machine has no IPv6; listen on 0.0.0.0"
	}
	return ""
}

var errAddr = errors.New("address not understood")

// network chooses the socket family for an address.
func network(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errAddr, err)
	}
	if host == "" {
		host = "::"
	}
	ap, err := netip.ParseAddrPort(net.JoinHostPort(host, port))
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: %w", errAddr, err)
	case addr[0] == ':':
		return "udp", nil // both families, IPv4 alone where there is no IPv6
	case ap.Addr().Is4():
		return "udp4", nil
	}
	return "udp6", nil
}

// Source is one socket. ReadBatch belongs to one goroutine; the other methods
// may be called from any.
type Source struct {
	addr     string // as asked for
	conn     *net.UDPConn
	raw      syscall.RawConn
	local    netip.AddrPort
	outer    capture.Outer // what all datagrams share
	rcvbuf   int
	rx       *receiver
	deadline capture.Deadline
	closed   atomic.Bool

	frames atomic.Uint64
	bytes  atomic.Uint64
	cut    atomic.Uint64
	bad    atomic.Uint64

	mu    sync.Mutex // guards drops
	drops dropCount
}

// dropCount adds up the kernel's count of drops, which wraps at 32 bits.
type dropCount struct {
	total uint64
	last  uint32
}

// read takes the kernel's count as it is now.
func (c *dropCount) read(n uint32) {
	c.total += uint64(n - c.last)
	c.last = n
}

var _ capture.Source = (*Source)(nil)

// Open listens on one address with one socket.
func Open(opt Options) (*Source, error) {
	return open(opt.withDefaults(), false)
}

// OpenGroup listens on one address with n sockets, one a worker. The kernel
// spreads the datagrams over them by a hash of the inner addresses and ports
// that is the same in both directions, so a flow stays with one worker. The
// outer ports would not do: they split the two directions of Amazon DNS, and
// few mirrored interfaces make few outer flows.
//
// IP fragments are spread by address alone, since only the first carries
// ports; they meet each other, but not always the rest of their flow.
func OpenGroup(opt Options, n int) ([]*Source, error) {
	opt = opt.withDefaults()
	if n <= 1 {
		s, err := open(opt, false)
		if err != nil {
			return nil, err
		}
		return []*Source{s}, nil
	}
	// A group can be joined by anyone of the same user, so a second sensor
	// would silently take half of the traffic. An exclusive socket finds the
	// port taken.
	first, err := open(opt, false)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(opt.Addr)
	opt.Addr = net.JoinHostPort(host, strconv.Itoa(int(first.local.Port()))) // 0 is settled now
	first.Close()
	var group []*Source
	for range n {
		s, err := open(opt, true)
		if err == nil && len(group) == 0 {
			err = s.steer(n)
		}
		if err != nil {
			closeAll(append(group, s))
			return nil, err
		}
		group = append(group, s)
	}
	return group, nil
}

func closeAll(group []*Source) {
	for _, s := range group {
		if s != nil {
			s.Close()
		}
	}
}

// open makes one socket; share lets others bind the same address.
func open(opt Options, share bool) (*Source, error) {
	nw, err := network(opt.Addr)
	if err != nil {
		return nil, &ListenError{opt.Addr, err}
	}
	s := &Source{addr: opt.Addr}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if e := c.Control(func(fd uintptr) { s.rcvbuf, err = prepare(int(fd), share, opt.ReceiveBuffer) }); e != nil {
			return e
		}
		return err
	}}
	pc, err := lc.ListenPacket(context.Background(), nw, opt.Addr)
	if err != nil {
		return nil, &ListenError{opt.Addr, err}
	}
	s.conn = pc.(*net.UDPConn)
	if s.raw, err = s.conn.SyscallConn(); err != nil {
		s.conn.Close()
		return nil, &ListenError{opt.Addr, err}
	}
	s.local = s.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.outer = capture.Outer{
		Encap:   opt.encap(s.local.Port()),
		Dst:     packet.AddrFrom(s.local.Addr()),
		DstPort: s.local.Port(),
	}
	s.rx = newReceiver(s, opt.BatchFrames, opt.FrameBytes)
	return s, nil
}

func (o Options) encap(port uint16) packet.Encap {
	switch {
	case o.Encap != packet.EncapNone:
		return o.Encap
	case port == packet.PortGENEVE:
		return packet.EncapGENEVE
	}
	return packet.EncapVXLAN
}

// ReadBatch waits for datagrams and fills b with those that are there, at most
// BatchFrames of Options. It returns when the first ones have come: a batch is
// as large as the traffic makes it.
func (s *Source) ReadBatch(ctx context.Context, b *capture.Batch) error {
	b.N = 0
	if s.closed.Load() {
		s.deadline.Stop() // not in Close, which may run elsewhere
		return s.errClosed()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(b.Frames) == 0 {
		b.Frames = make([]capture.Frame, s.rx.size())
	}
	s.deadline.Watch(ctx, s.conn)
	for b.N == 0 {
		err := s.rx.receive(s.raw, b)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case s.closed.Load():
			return s.errClosed()
		case errors.Is(err, os.ErrDeadlineExceeded):
			s.deadline.Clear()
		default:
			return fmt.Errorf("receive %s/udp: %w", s.addr, err)
		}
	}
	return nil
}

// Refuse has the kernel drop what arrives from now on, and count it with its
// drops. What is queued stays to be read.
func (s *Source) Refuse() error {
	var err error
	if e := s.raw.Control(func(fd uintptr) { err = refuse(int(fd)) }); e != nil {
		return s.errClosed()
	}
	return err
}

// ReadQueued fills b with datagrams that are there, at most BatchFrames of
// Options, and waits for none; more is false once the queue is empty. Malformed
// datagrams are read over, so b may have none though there are more.
func (s *Source) ReadQueued(b *capture.Batch) (more bool, err error) {
	b.N = 0
	if len(b.Frames) == 0 {
		b.Frames = make([]capture.Frame, s.rx.size())
	}
	if more, err = s.rx.queued(s.raw, b); err != nil {
		err = fmt.Errorf("receive %s/udp: %w", s.addr, err)
	}
	return more, err
}

func (s *Source) errClosed() error {
	return fmt.Errorf("receive %s/udp: %w", s.addr, os.ErrClosed)
}

// Addr is the address that the socket is bound to.
func (s *Source) Addr() netip.AddrPort { return s.local }

// ReceiveBuffer is the size in bytes that the kernel granted. It counts its
// own bookkeeping in, so it reports twice what it was asked for.
func (s *Source) ReceiveBuffer() int { return s.rcvbuf }

// Counters returns the totals so far; safe from another goroutine. Kernel
// drops are exact at the time of the call. Call it now and then: the kernel
// counts drops in 32 bits.
func (s *Source) Counters() capture.Counters {
	s.readDrops()
	s.mu.Lock()
	drops := s.drops.total
	s.mu.Unlock()
	return capture.Counters{
		Frames:      s.frames.Load(),
		Bytes:       s.bytes.Load(),
		KernelDrops: drops,
		Truncated:   s.cut.Load(),
		Malformed:   s.bad.Load(),
	}
}

// readDrops asks the socket how much it has dropped. SO_RXQ_OVFL would tell
// with the next datagram only, and of the last burst never.
func (s *Source) readDrops() {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.raw.Control(func(fd uintptr) { // fails once closed: the total stays
		if n, ok := socketDrops(int(fd)); ok {
			s.drops.read(n)
		}
	})
}

// Close releases the socket and ends a ReadBatch that waits; a second Close
// does nothing.
func (s *Source) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.readDrops()
	return s.conn.Close()
}
