//go:build linux && (amd64 || arm64)

package capturetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Address is where the receiving end of a Link has its address.
const Address = "10.99.0.2"

// Link is two network namespaces of a test's own, joined by a veth pair: a
// sender's and a receiver's. It is gone with the test.
type Link struct{ names [2]string }

// NewLink makes a Link. The test is skipped where that is not allowed, with the
// reason.
func NewLink(t *testing.T) *Link {
	if os.Getuid() != 0 {
		t.Skip("not root: network namespaces cannot be made")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("no ip command: %v", err)
	}
	l := &Link{names: [2]string{fmt.Sprintf("mwtx%d", os.Getpid()), fmt.Sprintf("mwrx%d", os.Getpid())}}
	for _, n := range l.names {
		if out, err := exec.Command("ip", "netns", "add", n).CombinedOutput(); err != nil {
			t.Skipf("ip netns add: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n).Run() })
	}
	a, b := l.names[0], l.names[1]
	for _, cmd := range []string{
		"-n " + a + " link add v0 mtu 9001 type veth peer name v1 netns " + b,
		"-n " + b + " link set v1 mtu 9001",
		// No link-local addresses: their announcements would be counted too.
		"-n " + a + " link set v0 addrgenmode none",
		"-n " + b + " link set v1 addrgenmode none",
		"-n " + a + " addr add 10.99.0.1/24 dev v0",
		"-n " + b + " addr add 10.99.0.2/24 dev v1",
		"-n " + a + " link set v0 up",
		"-n " + b + " link set v1 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(cmd)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", cmd, err, out)
		}
	}
	return l
}

// Send runs f in the sender's namespace and Receive in the receiver's: sockets
// that it opens stay there.
func (l *Link) Send(t *testing.T, f func() error) { t.Helper(); l.inside(t, l.names[0], f) }

// Receive is Send for the other end.
func (l *Link) Receive(t *testing.T, f func() error) { t.Helper(); l.inside(t, l.names[1], f) }

// inside runs f in a namespace, on a thread that ends with it.
func (l *Link) inside(t *testing.T, name string, f func() error) {
	t.Helper()
	ended := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is not to be used again
		ns, err := os.Open(filepath.Join("/var/run/netns", name))
		if err == nil {
			defer ns.Close()
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		}
		if err == nil {
			err = f()
		}
		ended <- err
	}()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// Drops is what the veth pair lost before the socket saw it.
func (l *Link) Drops(t *testing.T) (n uint64) {
	t.Helper()
	for i, name := range l.names {
		out, err := exec.Command("ip", "netns", "exec", name, "cat",
			fmt.Sprintf("/sys/class/net/v%d/statistics/tx_dropped", i),
			fmt.Sprintf("/sys/class/net/v%d/statistics/rx_dropped", i)).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range strings.Fields(string(out)) {
			v, err := strconv.ParseUint(f, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n += v
		}
	}
	return n
}

// Seconds is how long tests send: MIRRORWALL_RECEIVE_SECONDS, or the given
// number.
func Seconds(t *testing.T, n int) time.Duration {
	t.Helper()
	if v := os.Getenv("MIRRORWALL_RECEIVE_SECONDS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatalf("MIRRORWALL_RECEIVE_SECONDS: %v", err)
		}
	}
	return time.Duration(n) * time.Second
}

// Sender sends datagrams over a Link, in turn, many with each call.
type Sender struct {
	fd   int
	hdrs []mmsghdr
	iovs []unix.Iovec
	next int
}

type mmsghdr struct {
	hdr unix.Msghdr
	n   uint32
	_   [4]byte
}

// sendBatch is how many datagrams go out with one call.
const sendBatch = 64

// NewSender opens a socket in the sender's namespace, connected to port of the
// receiver. It is closed with the test.
func NewSender(t *testing.T, l *Link, port int, datagrams [][]byte) *Sender {
	t.Helper()
	s := &Sender{hdrs: make([]mmsghdr, len(datagrams)), iovs: make([]unix.Iovec, len(datagrams))}
	for i, b := range datagrams {
		s.iovs[i].Base = &b[0]
		s.iovs[i].SetLen(len(b))
		s.hdrs[i].hdr.Iov = &s.iovs[i]
		s.hdrs[i].hdr.SetIovlen(1)
	}
	l.Send(t, func() (err error) {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(s.fd) })
		return unix.Connect(s.fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{10, 99, 0, 2}})
	})
	return s
}

// Send sends at most n datagrams and returns how many went out.
func (s *Sender) Send(t *testing.T, n int) uint64 {
	t.Helper()
	n = min(n, sendBatch, len(s.hdrs)-s.next)
	for {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&s.hdrs[s.next])), uintptr(n), 0, 0, 0)
		switch {
		case errno == 0:
			s.next = (s.next + int(sent)) % len(s.hdrs)
			return uint64(sent)
		case !errors.Is(errno, unix.EINTR):
			t.Fatalf("sendmmsg: %v", errno)
		}
	}
}

// Pace sends at rate datagrams a second for d, or as fast as it goes where rate
// is 0, and returns how many went out.
func (s *Sender) Pace(t *testing.T, rate int, d time.Duration) (sent uint64) {
	t.Helper()
	begin := time.Now()
	for {
		past := time.Since(begin)
		due := sent + sendBatch
		if rate > 0 {
			due = uint64(min(past, d).Seconds() * float64(rate))
		}
		switch {
		case rate == 0 && past >= d:
			return sent
		case sent < due:
			sent += s.Send(t, int(due-sent))
		case past >= d:
			return sent
		default:
			time.Sleep(100 * time.Microsecond)
		}
	}
}
