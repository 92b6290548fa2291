// Package flowtest plays scripted packets against a flow.Table and records
// what the table tells its sink. It owns the script language and the recorder;
// it never decodes frames, packets are built decoded.
//
// A script has one packet on a line:
//
//	C>S SYN
//	S>C SYN,ACK win=1000
//	C>S ACK
//	C>S PSH,ACK "GET /"
//	S>C ACK ack=6
//
// C is 10.0.0.1:40000, S is 10.0.0.2:80. Numbers count from the sender's
// initial one as in a protocol analyser: the SYN is 0, the first byte 1. Fields
// left out continue what was played: seq after the last byte sent, ack after
// the last byte of the other side. Fields: seq ack win ws (window scale) ts
// (value/echo) urg (pointer) len (bytes claimed, for truncated packets) at
// (milliseconds since the start, otherwise one more than the last). The words
// tfo, dup and badsum add a TCP Fast Open option, and set packet flags. Lines
// that are empty or begin with # are skipped.
package flowtest

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Initial sequence numbers; the server's is near the end so that scripts cross
// the wrap.
const (
	ClientISN = 1000
	ServerISN = 1<<32 - 20
)

// Epoch is the packet time at which scripts begin, nanoseconds.
const Epoch = 1_700_000_000_000_000_000

// Player plays scripts against Table.
type Player struct {
	Table    *flow.Table
	Recorder *Recorder
	// Flow and Dir are what Track returned for the last packet.
	Flow *flow.Flow
	Dir  flow.Dir

	tb   testing.TB
	now  int64
	next [2]uint32
	isn  [2]uint32
}

// New makes a player with a fresh table and recorder.
func New(tb testing.TB, cfg flow.Config) *Player {
	r := &Recorder{}
	return &Player{
		tb: tb, Table: flow.NewTable(cfg, r), Recorder: r, now: Epoch,
		isn: [2]uint32{ClientISN, ServerISN}, next: [2]uint32{ClientISN, ServerISN},
	}
}

// Play plays a script and returns what the sink was told by it, one call a
// line.
func (y *Player) Play(script string) string {
	y.tb.Helper()
	from := len(y.Recorder.Calls)
	for n, line := range strings.Split(script, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		p, err := y.Packet(line)
		if err != nil {
			y.tb.Fatalf("script line %d: %q: %v", n+1, line, err)
		}
		y.Flow, y.Dir = y.Table.Track(p)
	}
	return strings.Join(y.Recorder.Calls[from:], "\n")
}

// End flushes the table and returns the calls it made.
func (y *Player) End() string {
	from := len(y.Recorder.Calls)
	y.Table.Flush(flow.ReasonShutdown)
	return strings.Join(y.Recorder.Calls[from:], "\n")
}

// Now is the packet time of the last packet, nanoseconds.
func (y *Player) Now() int64 { return y.now }

// Packet builds the packet of one line of script.
func (y *Player) Packet(line string) (*packet.Packet, error) {
	who, rest, ok := strings.Cut(line, " ")
	d, known := map[string]int{"C>S": 0, "S>C": 1}[who]
	if !ok || !known {
		return nil, fmt.Errorf("direction: want C>S or S>C")
	}
	y.now += 1e6
	p := Base(flow.Dir(d))
	p.Time = y.now
	p.TCP.Seq, p.TCP.Ack, p.TCP.Window = y.next[d], y.next[d^1], 65535
	rest, data, err := cutData(rest)
	if err != nil {
		return nil, err
	}
	p.Payload, p.PayloadLen = data, len(data)
	for i, word := range strings.Fields(rest) {
		if i == 0 {
			p.TCP.Flags, err = parseFlags(word)
		} else {
			err = y.field(p, d, word)
		}
		if err != nil {
			return nil, err
		}
	}
	y.sent(p, d)
	return p, nil
}

// sent moves the defaults of the next packets on.
func (y *Player) sent(p *packet.Packet, d int) {
	end := p.TCP.Seq + uint32(p.PayloadLen)
	if p.TCP.Flags&packet.ACK == 0 {
		p.TCP.Ack = 0
	}
	if p.TCP.Flags&(packet.SYN|packet.FIN) != 0 {
		end++
	}
	if int32(end-y.next[d]) > 0 {
		y.next[d] = end
	}
	p.Data = make([]byte, 54+len(p.Payload))
	if len(p.Payload) < p.PayloadLen {
		p.Flags |= packet.FlagTruncated
	}
}

func cutData(s string) (string, []byte, error) {
	i := strings.IndexByte(s, '"')
	if i < 0 {
		return s, nil, nil
	}
	j := strings.LastIndexByte(s, '"')
	data, err := strconv.Unquote(s[i : j+1])
	return s[:i] + s[j+1:], []byte(data), err
}

func parseFlags(word string) (uint8, error) {
	var flags uint8
	for _, name := range strings.Split(word, ",") {
		bit, ok := map[string]uint8{
			"FIN": packet.FIN, "SYN": packet.SYN, "RST": packet.RST, "PSH": packet.PSH,
			"ACK": packet.ACK, "URG": packet.URG, "NONE": 0,
		}[name]
		if !ok {
			return 0, fmt.Errorf("flags: unknown %q", name)
		}
		flags |= bit
	}
	return flags, nil
}

func (y *Player) field(p *packet.Packet, d int, word string) error {
	name, value, _ := strings.Cut(word, "=")
	if name == "ts" {
		p.TCP.HasTS = true
		_, err := fmt.Sscanf(value, "%d/%d", &p.TCP.TSVal, &p.TCP.TSEcr)
		return err
	}
	n := int64(0)
	if value != "" {
		var err error
		if n, err = strconv.ParseInt(value, 10, 64); err != nil {
			return err
		}
	}
	switch name {
	case "seq":
		p.TCP.Seq = y.isn[d] + uint32(n)
	case "ack":
		p.TCP.Ack = y.isn[d^1] + uint32(n)
	case "win":
		p.TCP.Window = uint16(n)
	case "ws":
		p.TCP.WScale, p.TCP.HasWScale = uint8(n), true
	case "urg":
		p.TCP.Urgent = uint16(n)
	case "len":
		p.PayloadLen = int(n)
	case "at":
		y.now = Epoch + n*1e6
		p.Time = y.now
	case "tfo":
		p.TCP.Options = []byte{34, 2}
	case "dup":
		p.Flags |= packet.FlagDup
	case "badsum":
		p.Flags |= packet.FlagBadL4Sum
	default:
		return fmt.Errorf("field: unknown %q", name)
	}
	return nil
}

// Base is an empty TCP packet between the script's hosts.
func Base(d flow.Dir) *packet.Packet {
	p := &packet.Packet{
		Time: Epoch, IPVersion: 4, Proto: packet.ProtoTCP, TTL: 64,
		Src: packet.AddrFrom4([4]byte{10, 0, 0, 1}), SrcPort: 40000,
		Dst: packet.AddrFrom4([4]byte{10, 0, 0, 2}), DstPort: 80,
	}
	p.TCP.HeaderLen = 20
	if d == flow.ToClient {
		p.Src, p.Dst = p.Dst, p.Src
		p.SrcPort, p.DstPort = p.DstPort, p.SrcPort
	}
	return p
}

// Recorder is a flow.Sink that writes down what it is told.
type Recorder struct {
	// Calls has one line for each call: "begin", `data ts 0 "GET"`,
	// "gap ts 4", "close tc", "event est_invalid_ack", "end shutdown".
	Calls []string
	// Bytes are the delivered bytes by direction, a '?' for each lost one as
	// long as there are not too many.
	Bytes [2][]byte
	// Ended is a copy of the last flow that ended, its stream included.
	Ended  flow.Flow
	Stream flow.Stream
	// Wrong tells of calls that break the contract of flow.Sink.
	Wrong []string

	closed [2]bool
	off    [2]uint64
}

var _ flow.Sink = (*Recorder)(nil)

func short(d flow.Dir) string {
	if d == flow.ToServer {
		return "ts"
	}
	return "tc"
}

func (r *Recorder) logf(format string, args ...any) {
	r.Calls = append(r.Calls, fmt.Sprintf(format, args...))
}

// Begin implements flow.Sink.
func (r *Recorder) Begin(f *flow.Flow, _ *packet.Packet) {
	r.closed, r.off = [2]bool{}, [2]uint64{}
	r.Bytes = [2][]byte{}
	r.logf("begin")
}

// Data implements flow.Sink.
func (r *Recorder) Data(f *flow.Flow, d flow.Dir, b []byte, off uint64) {
	if r.off[d] != off || len(b) == 0 {
		r.Wrong = append(r.Wrong, fmt.Sprintf("data %s: %d bytes at %d, want %d", short(d), len(b), off, r.off[d]))
	}
	r.off[d] += uint64(len(b))
	if r.closed[d] {
		r.Wrong = append(r.Wrong, "data after close")
	}
	r.Bytes[d] = append(r.Bytes[d], b...)
	r.logf("data %s %d %q", short(d), off, b)
}

// Gap implements flow.Sink.
func (r *Recorder) Gap(f *flow.Flow, d flow.Dir, n int) {
	if n <= 0 || r.closed[d] {
		r.Wrong = append(r.Wrong, fmt.Sprintf("gap %d, closed %v", n, r.closed[d]))
	}
	r.off[d] += uint64(n)
	if n < 1<<16 {
		r.Bytes[d] = append(r.Bytes[d], strings.Repeat("?", max(n, 0))...)
	}
	r.logf("gap %s %d", short(d), n)
}

// Close implements flow.Sink.
func (r *Recorder) Close(f *flow.Flow, d flow.Dir) {
	if r.closed[d] {
		r.Wrong = append(r.Wrong, "closed twice")
	}
	r.closed[d] = true
	r.logf("close %s", short(d))
}

// Event implements flow.Sink.
func (r *Recorder) Event(f *flow.Flow, e flow.Event) { r.logf("event %s", e) }

// Last implements flow.Sink; it is not recorded, since it always comes.
func (r *Recorder) Last(*flow.Flow, flow.Dir) {}

// End implements flow.Sink.
func (r *Recorder) End(f *flow.Flow) {
	r.Ended = *f
	if f.TCP != nil {
		r.Stream = *f.TCP
	}
	r.logf("end %s", f.Reason)
}
