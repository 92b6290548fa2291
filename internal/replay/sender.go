// Package replay sends frames as AWS VPC Traffic Mirroring would: VXLAN over
// UDP, from the source ports that AWS uses, at the pace of the capture.
//
// It owns sockets of its own and sends to the one address it is given: the
// sensor's. It never reads an answer and is no part of the capture path.
package replay

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

const (
	// AWS sends from 128 ports, 0xFF80 and a seven-bit hash of the flow.
	firstPort = 0xff80
	numPorts  = 0x10000 - firstPort
	// maxFrame is the longest frame that a datagram over IPv4 carries.
	maxFrame = 65507 - 8
)

// Counters are a Sender's totals.
type Counters struct {
	Frames  uint64 // sent
	Bytes   uint64 // of those frames, without their envelopes
	TooLong uint64 // frames not sent: longer than a datagram may be
}

// Sender mirrors frames to one address. It belongs to one goroutine.
type Sender struct {
	to    *net.UDPAddr
	conns [numPorts]*net.UDPConn
	any   *net.UDPConn // stands in for the ports that are taken
	buf   []byte

	C Counters
}

// NewSender makes a Sender; its sockets are opened as they are needed.
func NewSender(to netip.AddrPort) *Sender {
	return &Sender{to: net.UDPAddrFromAddrPort(to)}
}

// SendError says that a datagram could not be sent.
type SendError struct {
	To  string
	Err error
}

// Error names the address and the cause.
func (e *SendError) Error() string {
	cause := e.Err
	var errno syscall.Errno
	if errors.As(cause, &errno) {
		cause = errno // "write udp4 …" says nothing that To does not
	}
	return fmt.Sprintf("send to %s/udp: %v", e.To, cause)
}

// Unwrap returns the cause.
func (e *SendError) Unwrap() error { return e.Err }

// Hint tells what to try, or is empty.
func (e *SendError) Hint() string {
	switch {
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "nothing listens there: start mirrorwall run, or look at its sensor: listen:"
	case errors.Is(e.Err, syscall.ENETUNREACH), errors.Is(e.Err, syscall.EHOSTUNREACH):
		return "there is no route to that address: ip route get ADDRESS"
	case errors.Is(e.Err, syscall.EMFILE):
		return "128 sockets are needed: ulimit -n 1024"
	}
	return ""
}

// Send mirrors one Ethernet frame. A frame that no datagram can carry is
// counted and left out.
func (s *Sender) Send(frame []byte, vni uint32) error {
	if len(frame) > maxFrame {
		s.C.TooLong++
		return nil
	}
	c, err := s.conn(traffic.OuterPort(frame))
	if err != nil {
		return &SendError{To: s.to.String(), Err: err}
	}
	s.buf = traffic.AppendVXLAN(s.buf[:0], frame, vni)
	if err := write(c, s.buf); err != nil {
		return &SendError{To: s.to.String(), Err: err}
	}
	s.C.Frames++
	s.C.Bytes += uint64(len(frame))
	return nil
}

// write sends b again while the kernel has no room: the caller's pace is a
// wish, a frame left out would be a lie.
func write(c *net.UDPConn, b []byte) error {
	for {
		_, err := c.Write(b)
		if !errors.Is(err, syscall.ENOBUFS) {
			return err
		}
	}
}

// conn is the socket of a source port, or any other where that one is taken.
func (s *Sender) conn(port uint16) (*net.UDPConn, error) {
	p := &s.conns[port-firstPort]
	if *p != nil {
		return *p, nil
	}
	c, err := net.DialUDP("udp", &net.UDPAddr{Port: int(port)}, s.to)
	if err == nil {
		*p = c
		return c, nil
	}
	if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
		return nil, err
	}
	if s.any == nil {
		if s.any, err = net.DialUDP("udp", nil, s.to); err != nil {
			s.any = nil
			return nil, err
		}
	}
	return s.any, nil
}

// Close closes the sockets.
func (s *Sender) Close() error {
	var errs []error
	for _, c := range append(s.conns[:], s.any) {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
