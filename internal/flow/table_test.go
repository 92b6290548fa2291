package flow_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/flow/flowtest"
)

const handshake = `
	C>S SYN
	S>C SYN,ACK
	C>S ACK
`

// lines strips a want text's indentation.
func lines(s string) string {
	var out []string
	for _, l := range strings.Split(s, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func TestStreams(t *testing.T) {
	tests := []struct {
		name   string
		cfg    func(*flow.Config)
		script string
		want   string // calls, begin and end left out
		state  flow.TCPState
	}{
		{
			name: "acked data",
			script: handshake + `
				C>S PSH,ACK "GET /"
				S>C ACK
				S>C PSH,ACK "hello"
				C>S ACK`,
			want: `
				data ts 0 "GET /"
				data tc 0 "hello"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name:   "waits for the ack",
			script: handshake + `C>S PSH,ACK "GET /"`,
			want: `
				data ts 0 "GET /"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "client closes first",
			script: handshake + `
				C>S PSH,ACK "x"
				S>C ACK
				C>S FIN,ACK
				S>C FIN,ACK
				C>S ACK`,
			want: `
				data ts 0 "x"
				close ts
				close tc`,
			state: flow.TCPClosed,
		},
		{
			name: "server closes first",
			script: handshake + `
				S>C FIN,ACK "bye"
				C>S ACK
				C>S FIN,ACK`,
			want: `
				data tc 0 "bye"
				close tc
				close ts`,
			state: flow.TCPTimeWait,
		},
		{
			name: "gap",
			script: handshake + `
				C>S ACK "VERY"
				C>S ACK seq=9 "DATA"
				S>C ACK`,
			want: `
				data ts 0 "VERY"
				event reassembly_seq_gap
				gap ts 4
				data ts 8 "DATA"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "leading gap",
			script: handshake + `
				C>S ACK seq=5 "GOOD"
				S>C ACK`,
			want: `
				event reassembly_seq_gap
				gap ts 4
				data ts 4 "GOOD"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "bsd keeps the first of equal segments",
			script: handshake + `
				C>S ACK "GOOD"
				C>S ACK seq=1 "EVIL"
				S>C ACK`,
			want: `
				event pkt_retransmission
				event reassembly_overlap_different_data
				data ts 0 "GOOD"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "no handshake, no answer seen, async off",
			cfg:  func(c *flow.Config) { c.AsyncOneSide = false },
			script: `
				C>S SYN
				C>S ACK "GET /"
				C>S FIN,ACK`,
			want:  ``,
			state: flow.TCPSYNSent,
		},
		{
			name: "one side only",
			script: `
				C>S SYN
				C>S ACK "GET "
				C>S ACK "/"
				C>S FIN,ACK`,
			want: `
				data ts 0 "GET "
				data ts 4 "/"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "midstream off",
			cfg:  func(c *flow.Config) { c.Midstream = false },
			script: `
				C>S ACK "GET /"
				S>C ACK`,
			want:  ``,
			state: flow.TCPNone,
		},
		{
			name: "midstream, server first",
			script: `
				S>C ACK "200 OK"
				C>S ACK
				C>S ACK "GET"
				S>C ACK`,
			want: `
				data tc 0 "200 OK"
				data ts 0 "GET"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "split handshake",
			script: `
				C>S SYN
				S>C SYN
				C>S SYN,ACK seq=0
				S>C ACK
				C>S ACK "EVIL"
				S>C ACK
				C>S RST`,
			want: `
				data ts 0 "EVIL"
				close ts
				close tc`,
			state: flow.TCPClosed,
		},
		{
			name: "fast open, taken",
			script: `
				C>S SYN tfo "GET /"
				S>C SYN,ACK ack=6
				C>S ACK`,
			want: `
				data ts 0 "GET /"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "fast open, left",
			script: `
				C>S SYN tfo "GET /"
				S>C SYN,ACK ack=1
				C>S ACK seq=1 "get /"
				S>C ACK`,
			want: `
				event 3whs_synack_tfo_data_ignored
				data ts 0 "get /"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "truncated",
			script: handshake + `
				C>S ACK "abc" len=5
				C>S ACK "def"
				S>C ACK`,
			want: `
				data ts 0 "abc"
				event reassembly_seq_gap
				gap ts 2
				data ts 5 "def"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "forged reset",
			script: handshake + `
				C>S RST,ACK
				C>S PSH,ACK seq=1 "GET"
				S>C ACK
				S>C ACK "200"
				C>S ACK`,
			want: `
				event suspected_rst_inject
				data ts 0 "GET"
				data tc 0 "200"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "urgent byte leaves",
			script: handshake + `
				C>S URG,ACK "abX" urg=3
				C>S ACK "cd"
				S>C ACK`,
			want: `
				data ts 0 "ab"
				data ts 2 "cd"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "invalid ack",
			script: handshake + `
				S>C ACK ack=70000
				C>S ACK "a"
				S>C ACK`,
			want: `
				event est_invalid_ack
				data ts 0 "a"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
		{
			name: "out of window",
			script: handshake + `
				S>C ACK
				C>S ACK seq=70000 "zzz"
				C>S ACK seq=1 "a"
				S>C ACK ack=2`,
			want: `
				event est_packet_out_of_window
				data ts 0 "a"
				close ts
				close tc`,
			state: flow.TCPEstablished,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := flow.DefaultConfig()
			if tt.cfg != nil {
				tt.cfg(&cfg)
			}
			y := flowtest.New(t, cfg)
			got := y.Play(tt.script) + "\n" + y.End()
			want := lines("begin\n" + tt.want + "\nend shutdown")
			if diff := cmp.Diff(want, lines(got)); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
			if y.Recorder.Stream.State != tt.state {
				t.Errorf("state: got %s, want %s", y.Recorder.Stream.State, tt.state)
			}
			for _, w := range y.Recorder.Wrong {
				t.Error(w)
			}
			if n := y.Table.Counters(); n.Active != 0 || n.MemoryInUse != 0 {
				t.Errorf("left over: %d flows, %d bytes", n.Active, n.MemoryInUse)
			}
		})
	}
}
