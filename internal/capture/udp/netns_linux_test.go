//go:build linux && (amd64 || arm64)

package udp

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

const (
	// netnsRate is in packets a second, netnsSeconds how long unless
	// MIRRORWALL_RECEIVE_SECONDS says otherwise.
	netnsRate    = 200_000
	netnsSeconds = 2
	netnsBatch   = 64
)

// TestReceiveRate sends mirrored frames from one network namespace to another
// and accounts for every one of them: sent is received and dropped.
func TestReceiveRate(t *testing.T) {
	if testing.Short() {
		t.Skip("short: takes seconds of both cores")
	}
	rig := newRig(t)
	var src *Source
	rig.inside(t, rig.names[1], func() (err error) {
		src, err = Open(Options{Addr: "10.99.0.2:4789"})
		return err
	})
	defer src.Close()
	fd := -1
	rig.inside(t, rig.names[0], func() (err error) {
		fd, err = sender()
		return err
	})
	defer unix.Close(fd)

	// One packet ahead, so that address resolution is done.
	m := newMessages()
	m.send(t, fd, 1)
	if err := src.ReadBatch(t.Context(), new(capture.Batch)); err != nil {
		t.Fatal(err)
	}

	before := rig.linkDrops(t)
	got := make(chan uint64)
	ctx, stop := context.WithCancel(t.Context())
	go func() { got <- receiveAll(ctx, src) }()
	sent := 1 + m.pace(t, fd, seconds(t))
	time.Sleep(200 * time.Millisecond)
	stop()
	received := 1 + <-got
	c := src.Counters()
	link := rig.linkDrops(t) - before
	t.Logf("sent %d, received %d, dropped by the socket %d, by the link %d; receive buffer %d", sent, received, c.KernelDrops, link, src.ReceiveBuffer())
	if c.Frames != received || c.Malformed != 0 || c.Truncated != 0 {
		t.Errorf("counters: received %d, got %+v", received, c)
	}
	if received+c.KernelDrops+link != sent {
		t.Errorf("sent %d, accounted for %d", sent, received+c.KernelDrops+link)
	}
	if received < sent/10 {
		t.Errorf("harness: only %d of %d received", received, sent)
	}
}

func seconds(t *testing.T) time.Duration {
	n := netnsSeconds
	if v := os.Getenv("MIRRORWALL_RECEIVE_SECONDS"); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatalf("MIRRORWALL_RECEIVE_SECONDS: %v", err)
		}
	}
	return time.Duration(n) * time.Second
}

func receiveAll(ctx context.Context, src *Source) (n uint64) {
	b := capture.Batch{Frames: make([]capture.Frame, netnsBatch)}
	for src.ReadBatch(ctx, &b) == nil {
		n += uint64(b.N)
	}
	return n
}

// rig is two namespaces joined by a veth pair, gone with the test.
type rig struct{ names [2]string }

func newRig(t *testing.T) *rig {
	if os.Getuid() != 0 {
		t.Skip("not root: network namespaces cannot be made")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skipf("no ip command: %v", err)
	}
	r := &rig{names: [2]string{fmt.Sprintf("mwtx%d", os.Getpid()), fmt.Sprintf("mwrx%d", os.Getpid())}}
	for _, n := range r.names {
		if out, err := exec.Command("ip", "netns", "add", n).CombinedOutput(); err != nil {
			t.Skipf("ip netns add: %v: %s", err, out)
		}
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", n).Run() })
	}
	a, b := r.names[0], r.names[1]
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
	return r
}

// inside runs f in a namespace, on a thread that ends with it.
func (r *rig) inside(t *testing.T, name string, f func() error) {
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

// linkDrops is what the veth pair lost before the socket saw it.
func (r *rig) linkDrops(t *testing.T) (n uint64) {
	t.Helper()
	for i, name := range r.names {
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

// sender is a socket that is connected to the receiver.
func sender() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: packet.PortVXLAN, Addr: [4]byte{10, 99, 0, 2}})
}

// messages is what sendmmsg sends: 64 flows of 512-byte frames.
type messages struct {
	hdrs []mmsghdr
	iovs []unix.Iovec
}

func newMessages() *messages {
	m := &messages{hdrs: make([]mmsghdr, netnsBatch), iovs: make([]unix.Iovec, netnsBatch)}
	src, dst := netip.MustParseAddrPort("10.20.1.1:1000"), netip.MustParseAddrPort("10.20.1.2:53")
	for i := range m.hdrs {
		src = netip.AddrPortFrom(src.Addr(), uint16(1000+i))
		u := traffic.AppendUDP(nil, src, dst, make([]byte, 512-14-20-8))
		f := traffic.AppendEthernet(nil, traffic.MAC{2}, traffic.MAC{2, 1}, 0x0800)
		f = traffic.IP{Src: src.Addr(), Dst: dst.Addr(), Proto: 17, TTL: 64}.Append(f, u)
		b := traffic.AppendVXLAN(nil, f, 7)
		m.iovs[i].Base = &b[0]
		m.iovs[i].SetLen(len(b))
		m.hdrs[i].hdr.Iov = &m.iovs[i]
		m.hdrs[i].hdr.SetIovlen(1)
	}
	return m
}

// send sends n datagrams, at most a batch, and returns how many went out.
func (m *messages) send(t *testing.T, fd, n int) uint64 {
	t.Helper()
	for {
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&m.hdrs[0])), uintptr(n), 0, 0, 0)
		switch {
		case errno == 0:
			return uint64(sent)
		case !errors.Is(errno, unix.EINTR):
			t.Fatalf("sendmmsg: %v", errno)
		}
	}
}

// pace sends at netnsRate for d.
func (m *messages) pace(t *testing.T, fd int, d time.Duration) (sent uint64) {
	begin := time.Now()
	for {
		past := time.Since(begin)
		due := uint64(min(past, d).Seconds() * netnsRate)
		switch {
		case sent < due:
			sent += m.send(t, fd, int(min(due-sent, netnsBatch)))
		case past >= d:
			return sent
		default:
			time.Sleep(100 * time.Microsecond)
		}
	}
}
