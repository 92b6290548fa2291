package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/sensor/health"
)

func (a *app) doctorCommand() *cobra.Command {
	path, asJSON := "", false
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Say why no traffic is seen, or why it is seen in part",
		Long: "Doctor asks the running service (at health: address: of the configuration) what\n" +
			"arrives, and explains what is missing: first finding first. Exit status 0 when\n" +
			"all is well, 3 when something was found.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.doctor(cmd.Context(), path, asJSON) },
	}
	c.Flags().StringVarP(&path, "config", "c", "mirrorwall.yaml", "configuration `file`")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// finding is one thing that is well, or not, and what to do. A note is worth
// knowing and nothing to act upon.
type finding struct {
	OK   bool   `json:"ok"`
	Note bool   `json:"note,omitempty"`
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

func (a *app) doctor(ctx context.Context, path string, asJSON bool) error {
	cfg, err := loadConfig(path)
	if err != nil {
		return err
	}
	found := diagnose(ctx, cfg)
	if asJSON {
		enc := json.NewEncoder(a.out)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(found); err != nil {
			return err
		}
	} else {
		printFindings(a.out, found)
	}
	for _, f := range found {
		if !f.OK {
			return &failure{code: exitWanting}
		}
	}
	return nil
}

func printFindings(w io.Writer, found []finding) {
	for _, f := range found {
		mark := "ok  "
		switch {
		case !f.OK:
			mark = "LOOK"
		case f.Note:
			mark = "note"
		}
		fmt.Fprintf(w, "%s  %s\n", mark, f.What)
		if f.Do != "" {
			fmt.Fprintf(w, "      hint: %s\n", f.Do)
		}
	}
}

// diagnose walks the way of a mirrored packet, from the process outwards.
func diagnose(ctx context.Context, cfg *config.Config) []finding {
	if cfg.Health.Address == "" {
		return []finding{{What: "health is switched off in the file: the service can't be asked",
			Do: "set health: address: (127.0.0.1:9470) and restart the service"}}
	}
	st, err := fetchStatus(ctx, cfg.Health.Address)
	if err != nil {
		return append([]finding{{What: "the service does not answer: " + err.Error(),
			Do: "start it: mirrorwall run --config FILE; or is health: address: another one?"}}, ports(cfg)...)
	}
	found := []finding{{OK: true, What: fmt.Sprintf("the service answers, up %s, %s active", time.Duration(st.UptimeSeconds)*time.Second, counted(uint64(st.Rules), "rule"))}}
	found = append(found, checkFindings(st.Checks)...)
	var frames uint64
	for i := range st.Listeners {
		frames += st.Listeners[i].Frames
	}
	for i := range st.Listeners {
		l := &st.Listeners[i]
		if frames > 0 && l.Frames+l.Malformed == 0 {
			found = append(found, finding{OK: true, What: fmt.Sprintf("%s/udp: nothing has arrived here; it comes by another address", l.Address)})
			continue
		}
		found = append(found, listenerFindings(l)...)
	}
	found = append(found, bufferFindings(st.Listeners, uint64(cfg.Sensor.ReceiveBuffer))...)
	if frames == 0 {
		return append(found, kernelFindings("/proc/net/snmp")...)
	}
	return append(found, trafficFindings(st)...)
}

func checkFindings(checks []health.Check) []finding {
	var found []finding
	for _, c := range checks {
		if c.OK {
			continue
		}
		what := c.Name + ": " + c.Text
		if !c.Advisory {
			what = "not ready: " + what
		}
		found = append(found, finding{What: what, Do: c.Hint})
	}
	return found
}

// granted is the receive buffer of one socket as it was asked for: the kernel
// counts its own bookkeeping in and reports twice that. 0: not known here.
func granted(l *health.Listener) uint64 { return uint64(max(0, l.ReceiveBuffer)) / 2 }

// bufferFindings tells where the kernel granted less than the configuration
// asks for.
func bufferFindings(listeners []health.Listener, asked uint64) []finding {
	var found []finding
	for i := range listeners {
		l := &listeners[i]
		if got := granted(l); got > 0 && got < asked {
			found = append(found, finding{
				What: fmt.Sprintf("%s/udp: the kernel granted %s of %s of receive_buffer", l.Address, units.Bytes(got), units.Bytes(asked)),
				Do:   fmt.Sprintf("sysctl -w net.core.rmem_max=%d, then restart the service", asked),
			})
		}
	}
	return found
}

// counted is a number with its noun, in the plural where it needs one.
func counted(n uint64, noun string) string {
	switch {
	case n != 1 && strings.HasSuffix(noun, "ch"):
		noun += "es"
	case n != 1:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

func fetchStatus(ctx context.Context, address string) (*health.Status, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if ap.Addr().IsUnspecified() {
		ap = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), ap.Port())
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ap.String()+"/status", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var st health.Status
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&st); err != nil {
		return nil, fmt.Errorf("%s is not a mirrorwall: %w", ap, err)
	}
	return &st, nil
}

// ports tells, for a service that does not run, whether its ports are free.
func ports(cfg *config.Config) []finding {
	var found []finding
	for _, l := range cfg.Sensor.Listen {
		pc, err := net.ListenPacket("udp", l.Address)
		if err != nil {
			found = append(found, finding{What: fmt.Sprintf("%s/udp can't be had: %v", l.Address, err),
				Do: "ss -lunp shows which process has it"})
			continue
		}
		found = append(found, finding{OK: true, What: l.Address + "/udp is free"})
		// It was opened only to see whether it could be.
		_ = pc.Close()
	}
	return found
}

func listenerFindings(l *health.Listener) []finding {
	where := fmt.Sprintf("%s/udp", l.Address)
	if l.Frames == 0 && l.Malformed == 0 {
		return []finding{{
			What: where + ": no datagram has arrived since the start",
			Do: "check, in this order: the security group of this instance lets UDP " + strconv.Itoa(int(l.Address.Port())) +
				" in from the mirrored subnets; the mirror session's target is this ENI (or an NLB with a UDP listener and a healthy target); " +
				"the filter accepts traffic in both directions; the source instance sends any; docs/install/aws.md has the commands",
		}}
	}
	var found []finding
	if l.Frames > 0 {
		last := "never"
		if l.LastFrame != nil {
			last = time.Since(*l.LastFrame).Truncate(time.Second).String() + " ago"
		}
		found = append(found, finding{OK: true, What: fmt.Sprintf("%s: %s, the last %s", where, counted(l.Frames, "frame"), last)})
		if l.LastFrame != nil && time.Since(*l.LastFrame) > time.Minute {
			found = append(found, finding{What: where + ": silent for more than a minute",
				Do: "a load balancer without listeners or targets drops mirrored traffic without a word; see the session and the target's health"})
		}
	}
	if l.Malformed > 0 {
		found = append(found, finding{What: fmt.Sprintf("%s: %s without a VXLAN or GENEVE frame", where, counted(l.Malformed, "datagram")),
			Do: "something else sends here (a health check over UDP?), or the encapsulation is another one: vxlan:// or geneve:// before the address"})
	}
	if l.KernelDrops > 0 {
		found = append(found, finding{What: fmt.Sprintf("%s: the kernel dropped %s; its buffer of %s was full", where, counted(l.KernelDrops, "datagram"), units.Bytes(granted(l))),
			Do: "raise net.core.rmem_max and sensor: receive_buffer:, or add sensor: workers:"})
	}
	if l.Truncated > 0 {
		found = append(found, finding{What: fmt.Sprintf("%s: %s cut", where, counted(l.Truncated, "frame")), Do: "set the mirror session's packet length to 8500 or less"})
	}
	return found
}

func trafficFindings(st *health.Status) []finding {
	var found []finding
	if n := len(st.Sessions); n > 0 {
		s := st.Sessions[0]
		found = append(found, finding{OK: true, What: fmt.Sprintf("%s inspected; the busiest is VNI %d from %s with %s",
			counted(uint64(n), "mirror session"), s.VNI, s.Source, counted(s.Frames, "frame"))})
	}
	for _, s := range st.Ignored[:min(5, len(st.Ignored))] {
		found = append(found, finding{What: fmt.Sprintf("VNI %d from %s is refused by sources: %s not inspected", s.VNI, s.Source, counted(s.Frames, "frame")),
			Do: "if it is yours, add it to sensor: sources: networks: or vnis:"})
	}
	if st.Flows >= 100 && st.OneSided*2 > st.Flows {
		found = append(found, finding{What: fmt.Sprintf("%d of %d flows show one direction only", st.OneSided, st.Flows),
			Do: "the mirror filter needs rules for both directions; behind a load balancer use stickiness source_ip"})
	}
	return append(found, lossFindings(st.Losses, st.Flows)...)
}

func lossFindings(losses []health.Cause, flows uint64) []finding {
	var found []finding
	for _, l := range losses {
		switch l.Cause {
		case "kernel_drop", "truncated", "malformed", "source_ignored":
			continue // told above
		}
		if l.Count == 0 {
			continue
		}
		f := finding{What: fmt.Sprintf("%s: %d", l.Text, l.Count), Do: "docs/operate explains " + l.Cause}
		if usual(l.Cause) && l.Count*10 <= flows {
			f = finding{OK: true, Note: true, What: fmt.Sprintf("%s: %d, of %s", l.Text, l.Count, counted(flows, "flow"))}
		}
		found = append(found, f)
	}
	return found
}

// usual tells the losses that healthy traffic has, too: they mean something
// only where they are more than a tenth of the flows.
func usual(cause string) bool {
	switch cause {
	case "stream_gap", "stream_depth", "parser_stop", "parser_hoard", "upgrade_limit", "fragment_timeout":
		return true
	}
	return false
}

// kernelFindings reads the kernel's own UDP counters: a datagram may have
// reached the machine but no socket.
func kernelFindings(path string) []finding {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var names, values []string
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 0 && f[0] == "Udp:" {
			if names == nil {
				names = f
				continue
			}
			values = f
		}
	}
	for i, name := range names {
		if name != "NoPorts" || i >= len(values) || values[i] == "0" {
			continue
		}
		return []finding{{OK: true, What: "since it was booted, this machine got " + values[i] + " UDP datagrams for ports that nobody listens on",
			Do: "if that number grows, the mirror may be sent to another port than sensor: listen: says (tcpdump -ni any udp)"}}
	}
	return nil
}
