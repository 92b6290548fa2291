package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/replay"
)

type replayFlags struct {
	to    string
	vni   uint32
	rate  float64
	speed float64
	loop  int
}

func (a *app) replayCommand() *cobra.Command {
	var f replayFlags
	c := &cobra.Command{
		Use:   "replay PCAP --to HOST:4789",
		Short: "Send a capture to a sensor as AWS would mirror it",
		Long: "Replay sends the frames of a capture as VXLAN over UDP, from the source ports\n" +
			"that AWS uses where they are free, at the pace of the capture. Frames without\n" +
			"an Ethernet header get a made-up one.",
		Example: "  mirrorwall replay my.pcap --to 127.0.0.1:4789 --vni 7\n" +
			"  mirrorwall replay my.pcap --to sensor.internal:4789 --rate 50000 --loop 10",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.replay(cmd.Context(), &f, args[0]) },
	}
	fl := c.Flags()
	fl.StringVar(&f.to, "to", "", "the sensor, `HOST:PORT`; the port of VXLAN is 4789")
	fl.Uint32Var(&f.vni, "vni", 1, "VXLAN network identifier, as of one mirror session")
	fl.Float64Var(&f.rate, "rate", 0, "frames a second, instead of the capture's pace")
	fl.Float64Var(&f.speed, "speed", 1, "play so many times faster than captured")
	fl.IntVar(&f.loop, "loop", 1, "play so many times; 0 is without end")
	return c
}

// check complains about flags that make no sense.
func (f *replayFlags) check(path string) error {
	usage := func(format string, args ...any) error {
		return &failure{err: fmt.Errorf(format, args...), hint: "see mirrorwall replay --help", code: exitUsage}
	}
	switch {
	case f.to == "":
		return usage("--to: want HOST:PORT, such as 127.0.0.1:4789")
	case f.vni >= 1<<24:
		return usage("--vni: want 0 to 16777215, got %d", f.vni)
	case f.rate < 0:
		return usage("--rate: want frames a second, got %g", f.rate)
	case f.speed <= 0:
		return usage("--speed: want a factor such as 2 or 0.5, got %g", f.speed)
	case f.loop < 0:
		return usage("--loop: want a number of times, got %d", f.loop)
	case f.loop != 1 && path == "-":
		return usage("--loop: standard input can be read once only")
	}
	return nil
}

func (a *app) replay(ctx context.Context, f *replayFlags, path string) (err error) {
	if err := f.check(path); err != nil {
		return err
	}
	to, err := resolveSensor(ctx, f.to)
	if err != nil {
		return err
	}
	s := replay.NewSender(to)
	defer func() { err = errors.Join(err, s.Close()) }()
	opt := replay.Options{VNI: f.vni, Pacer: &replay.Pacer{Rate: f.rate, Speed: f.speed}}
	var sum replay.Totals
	start := time.Now()
	for n := 0; err == nil && (f.loop == 0 || n < f.loop); n++ {
		err = a.replayOnce(ctx, s, opt, path, &sum)
	}
	took := time.Since(start).Seconds()
	fmt.Fprintf(a.out, "%s: %d frames, %s sent to %s as VNI %d, in %.2f s (%.0f frames/s)\n",
		path, s.C.Frames, units.Bytes(s.C.Bytes), to, f.vni, took, float64(s.C.Frames)/max(took, 1e-9))
	for _, l := range []struct {
		n    uint64
		text string
	}{
		{sum.Cut, "frames sent as cut by the capture's snap length"},
		{sum.Empty, "records without a frame left out"},
		{s.C.TooLong, "frames left out: longer than a datagram may be"},
	} {
		if l.n > 0 {
			fmt.Fprintf(a.out, "  %d %s\n", l.n, l.text)
		}
	}
	if errors.Is(err, context.Canceled) {
		return nil // told to end: the totals say how far it came
	}
	return err
}

func (a *app) replayOnce(ctx context.Context, s *replay.Sender, opt replay.Options, path string, sum *replay.Totals) (err error) {
	src, err := pcapfile.Open(path, pcapfile.Options{Stdin: a.in})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	bar := newProgress(a.err, path, src.Progress)
	defer bar.done()
	opt.OnFrame = bar.tick
	t, err := replay.Play(ctx, src, s, opt)
	sum.Cut += t.Cut
	sum.Empty += t.Empty
	if err == nil && src.Counters().Frames == 0 {
		return fail(fmt.Errorf("%s: no frames in this capture", path), "tcpdump -r shows what it holds")
	}
	return err
}

// resolveSensor turns HOST:PORT into an address.
func resolveSensor(ctx context.Context, to string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(to)
	if err != nil {
		return netip.AddrPort{}, &failure{
			err:  fmt.Errorf("--to: want HOST:PORT, got %q", to),
			hint: "the port of VXLAN is 4789: --to " + to + ":4789", code: exitUsage,
		}
	}
	n, err := net.DefaultResolver.LookupPort(ctx, "udp", port)
	if err != nil || n == 0 {
		return netip.AddrPort{}, &failure{err: fmt.Errorf("--to: want a port, got %q", port), hint: "the port of VXLAN is 4789", code: exitUsage}
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.AddrPort{}, fail(fmt.Errorf("--to: %w", err), "name a host that resolves, or an address")
	}
	return netip.AddrPortFrom(addrs[0].Unmap(), uint16(n)), nil
}
