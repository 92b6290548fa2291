package sensor_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// TestFrameRules checks that rules see the frames of each protocol, and that
// their alerts name them and the transaction.
func TestFrameRules(t *testing.T) {
	for _, tt := range []struct {
		name, rule string
		shots      []shot
		want       string // in every alert
		alerts     int
	}{
		{"dns over tcp", `alert tcp any any -> any any (flow:to_server; frame:dns.pdu; content:"|01 00 00 01|"; offset:2; depth:4; content:"evil"; sid:1;)`,
			oneWindow(53, append(queryTCP(1, "good"), queryTCP(2, "evil")...), nil),
			`"frame":{"type":"pdu","id":2,"direction":"toserver","stream_offset":`, 1},
		{"dns over udp", `alert dns any any -> any any (flow:to_server; frame:pdu; bsize:>12; sid:1;)`,
			scenario("dns", 1, first(1)), `"frame":{"type":"pdu","id":1,"direction":"toserver","length":`, 1},
		{"ssh", `alert ssh any any -> any any (flow:to_client; frame:ssh.record.hdr; content:"|14|"; endswith; bsize:6; sid:1;)`,
			scenario("ssh-admin", 1, first(24)), `"type":"record.hdr","id":1,"direction":"toclient"`, 1},
		{"tls", `alert tls any any -> any any (flow:to_server; frame:tls.data; content:"|01 00|"; startswith; sid:1;)`,
			scenario("saas", 1, flowOf(443, 1)), `"type":"data","id":1,"direction":"toserver","stream_offset":5,`, 1},
		{"http", `alert http any any -> any any (frame:http1.request; content:"GET /"; startswith; content:"|0d 0a 0d 0a|"; endswith; sid:1;)`,
			shots(httpPlain()), `"type":"request","id":`, 1},
		{"http, transformed", `alert http any any -> any any (frame:http1.request; to_lowercase; content:"get /"; startswith; sid:1;)`,
			shots(httpPlain()), `"complete":true,"tx_id":`, 1},
		{"stream", `alert http any any -> any any (flow:to_client; frame:http1.stream; content:"HTTP/1.1 200"; startswith; sid:1;)`,
			shots(httpPlain()), `"type":"stream","id":1,"direction":"toclient","stream_offset":0`, 1},
		{"nothing in it", `alert http any any -> any any (frame:http1.response; content:"GET /"; startswith; sid:1;)`,
			shots(httpPlain()), "", 0},
	} {
		var out bytes.Buffer
		w := sensor.NewWorker(activeConfig(t, tt.rule), &out, nil)
		play(w, tt.shots)
		if err := w.Finish(); err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(out.String()) {
			if !strings.Contains(line, `"event_type":"alert"`) {
				continue
			}
			n++
			if !strings.Contains(line, tt.want) {
				t.Errorf("%s: no %s in %s", tt.name, tt.want, line)
			}
		}
		if n != tt.alerts {
			t.Errorf("%s: got %s, want %d", tt.name, fmt.Sprint(n, " alerts"), tt.alerts)
		}
	}
}
