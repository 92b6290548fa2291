package cli

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/capture/udp"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// writeCapture writes n frames as a capture of a link type.
func writeCapture(t *testing.T, link packet.LinkType, n int) string {
	t.Helper()
	var b bytes.Buffer
	w := pcapfile.NewWriter(&b, link)
	for f := range traffic.Mix(1, time.Unix(1.7e9, 0)) {
		if n--; n < 0 {
			break
		}
		if err := w.WriteFrame(f.Time, len(f.Data), f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "my.pcap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReplay(t *testing.T) {
	src, err := udp.Open(udp.Options{Addr: "127.0.0.1:0", Encap: packet.EncapVXLAN})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	got := make(chan int, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		n := 0
		var b capture.Batch
		for src.ReadBatch(ctx, &b) == nil {
			n += b.N
		}
		got <- n
	}()
	path := writeCapture(t, packet.LinkEthernet, 150)
	var out, errw bytes.Buffer
	code := Main([]string{"replay", path, "--to", src.Addr().String(), "--vni", "77", "--rate", "3000", "--loop", "2"}, strings.NewReader(""), &out, &errw)
	if code != exitDone || !strings.Contains(out.String(), ": 300 frames, ") || !strings.Contains(out.String(), "as VNI 77") {
		t.Errorf("status %d: %s%s", code, out.String(), errw.String())
	}
	capturetest.Await(func() bool { return src.Counters().Frames == 300 })
	cancel()
	if n := <-got; n != 300 {
		t.Errorf("%d of 300 frames arrived", n)
	}
}

func TestReplayErrors(t *testing.T) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := c.LocalAddr().String()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	some := writeCapture(t, packet.LinkEthernet, 50)
	const here = "127.0.0.1:4789"
	for _, c := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"no target", []string{some}, exitUsage, "--to: want HOST:PORT, such as 127.0.0.1:4789\nhint: "},
		{"no port", []string{some, "--to", "sensor"}, exitUsage, "hint: the port of VXLAN is 4789: --to sensor:4789"},
		{"port 0", []string{some, "--to", "127.0.0.1:0"}, exitUsage, `want a port, got "0"`},
		{"long VNI", []string{some, "--to", here, "--vni", "16777216"}, exitUsage, "want 0 to 16777215"},
		{"speed", []string{some, "--to", here, "--speed", "0"}, exitUsage, "--speed: want a factor"},
		{"rate", []string{some, "--to", here, "--rate", "-1"}, exitUsage, "--rate: want frames a second"},
		{"loop", []string{some, "--to", here, "--loop", "-1"}, exitUsage, "--loop: want a number"},
		{"loop of stdin", []string{"-", "--to", here, "--loop", "2"}, exitUsage, "can be read once only"},
		{"no file", []string{some + ".not", "--to", here}, exitFailed, "no such file"},
		{"link", []string{writeCapture(t, packet.LinkPPP, 3), "--to", here}, exitFailed, "link type 9: want Ethernet, raw IP, Linux cooked or loopback\nhint: "},
		{"empty", []string{writeCapture(t, packet.LinkEthernet, 0), "--to", here}, exitFailed, "no frames in this capture\nhint: "},
		{"nobody", []string{some, "--to", closed, "--rate", "1000"}, exitFailed, "connection refused\nhint: nothing listens there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var errw bytes.Buffer
			code := Main(append([]string{"replay"}, c.args...), strings.NewReader(""), io.Discard, &errw)
			if code != c.code || !strings.Contains(errw.String(), c.want) {
				t.Errorf("status %d, want %d: %s", code, c.code, errw.String())
			}
		})
	}
}
