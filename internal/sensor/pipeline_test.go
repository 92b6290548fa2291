package sensor_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// queryTCP is one DNS query as TCP carries it (RFC 1035 §4.2.2).
func queryTCP(id int, name string) []byte {
	msg := binary.BigEndian.AppendUint16(nil, uint16(id))
	msg = append(msg, "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"...)
	msg = append(append(msg, byte(len(name))), name...)
	msg = append(msg, "\x07example\x00\x00\x01\x00\x01"...)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(msg))), msg...)
}

// oneWindow sends parts in full segments that one packet acknowledges, then
// replies and a last word of the client.
func oneWindow(port uint16, parts, replies []byte) []shot {
	sc := scene()
	c := sc.TCP(client(), netip.AddrPortFrom(web().Addr(), port))
	start := len(sc.Frames())
	for len(parts) > 0 {
		n := min(1400, len(parts))
		c.Client(parts[:n])
		parts = parts[n:]
	}
	end := len(sc.Frames())
	all := sc.Frames()
	kept := ofFrames(all[:start])
	for i := start; i < end; i++ {
		// Only the last of the server's acknowledgements.
		if i == end-1 || bytes.Equal(all[i].Data[26:30], client().Addr().AsSlice()) {
			kept = append(kept, ofFrames(all[i:i+1])...)
		}
	}
	for len(replies) > 0 {
		n := min(1400, len(replies))
		c.Server(replies[:n])
		replies = replies[n:]
	}
	c.Close()
	return append(kept, ofFrames(sc.Frames()[end:])...)
}

// chunks is an output that remembers its largest Write.
type chunks struct {
	bytes.Buffer
	largest int
}

func (c *chunks) Write(b []byte) (int, error) {
	c.largest = max(c.largest, len(b))
	return c.Buffer.Write(b)
}

// TestPipelined: what is sent in one window is logged and inspected to its end,
// however many messages it is.
func TestPipelined(t *testing.T) {
	const n = 1000
	var queries, gets, replies []byte
	for i := range n {
		name := "good"
		if i == n-100 {
			name = "evil"
		}
		queries = append(queries, queryTCP(i, name)...)
		gets = fmt.Appendf(gets, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", name)
		replies = fmt.Appendf(replies, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	}
	const rules = `alert dns any any -> any any (msg:"d"; dns.query; content:"evil"; sid:1;)
alert http any any -> any any (msg:"h"; http.uri; content:"/evil"; sid:2;)
`
	for _, tt := range []struct {
		name, event   string
		port          uint16
		data, replies []byte
		rules         string
		alerts        int
	}{
		{"dns", "dns", 53, queries, nil, rules, 1},
		{"dns without rules", "dns", 53, queries, nil, "", 0},
		{"http", "http", 80, gets, nil, rules, 1},
		{"http without rules", "http", 80, gets, nil, "", 0},
		{"http with responses", "http", 80, gets, replies, rules, 1},
		{"dns, one alert a packet", "dns", 53, queries, nil, `alert tcp any any -> any 53 (flags:F+; sid:4;)`, 1},
		{"dns, passed", "dns", 53, queries, nil, `pass ip any any -> any any (sid:3;)`, 0},
	} {
		var out chunks
		w := sensor.NewWorker(activeConfig(t, tt.rules), &out, nil)
		play(w, oneWindow(tt.port, tt.data, tt.replies))
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if tt.event == "dns" && bytes.Count(out.Bytes(), []byte(`"event_type":"dns"`)) != n {
			t.Errorf("%s: some records wait for the flow's end", tt.name)
		}
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		if out.largest > 128<<10 {
			t.Errorf("%s: %d bytes with one Write", tt.name, out.largest)
		}
		count := func(event string) int {
			return bytes.Count(out.Bytes(), fmt.Appendf(nil, `"event_type":%q`, event))
		}
		if got := count(tt.event); got != n {
			t.Errorf("%s: %d records, want %d", tt.name, got, n)
		}
		if got := count("alert"); got != tt.alerts {
			t.Errorf("%s: %d alerts, want %d", tt.name, got, tt.alerts)
		}
		for _, l := range w.Losses() {
			if l.Count > 0 {
				t.Errorf("%s: %s %d", tt.name, l.Cause, l.Count)
			}
		}
	}
}
