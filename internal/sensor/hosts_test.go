package sensor_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

// TestHostOS: the receiver's system decides which copy of the bytes counts, of
// a segment sent twice and of a fragment sent twice.
func TestHostOS(t *testing.T) {
	for _, tt := range []struct {
		name            string
		sets            []string
		segment, answer string // the copy that counts
	}{
		{"default", nil, "innocent", "first."},
		{"another network", []string{"host-os-policy.last=192.0.2.0/24,198.51.100.1"}, "innocent", "first."},
		{"the network", []string{"host-os-policy.last=[10.0.0.0/8]"}, "attacked", "second"},
		{"a system", []string{"host-os-policy.old-linux=10.20.1.11"}, "attacked", "second"},
		{"longest prefix", []string{"host-os-policy.last=10.20.0.0/16", "host-os-policy.first=10.20.1.0/24"}, "innocent", "first."},
		{"set again", []string{"host-os-policy.last=10.20.0.0/16", "host-os-policy.last=192.0.2.0/24"}, "innocent", "first."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			const rules = `alert udp any any -> any any (msg:"copy"; content:"first."; sid:1;)
alert udp any any -> any any (msg:"copy"; content:"second"; sid:2;)
`
			cfg := func() *sensor.Config { return activeConfig(t, rules, tt.sets...) }
			wantOne(t, eveOf(t, cfg(), overlap(), "http"), `"url":"/`+tt.segment+`"`)
			sid := map[string]string{"first.": "1", "second": "2"}[tt.answer]
			wantOne(t, eveOf(t, cfg(), twoFragments(), "alert"), `"signature_id":`+sid+`,`)
		})
	}
}

// twoFragments is a datagram whose second fragment comes twice, differently,
// before the first.
func twoFragments() (out []shot) {
	from, to := client(), web()
	datagram := func(text string) []byte { return traffic.AppendUDP(nil, from, to, []byte("12345678"+text)) }
	whole := datagram("first.")
	fragment := func(l4 []byte, flags byte, units byte) {
		b := ethernet(from.Addr(), to.Addr(), packet.ProtoUDP, 77, l4)
		b[20], b[21] = flags, units
		checksum(b[14:34])
		out = append(out, shot{time: epoch().UnixNano() + int64(len(out))*1e6, data: b})
	}
	fragment(whole[16:], 0, 2)
	fragment(datagram("second")[16:], 0, 2)
	fragment(whole[:16], 0x20, 0)
	return out
}

// TestHostOSNames: every system of streams is one of fragments, and what is
// none is an error that says which there are.
func TestHostOSNames(t *testing.T) {
	for _, name := range flow.PolicyNames() {
		if _, ok := packet.DefragPolicyByName(name); !ok {
			t.Errorf("%s: no policy for fragments", name)
		}
	}
	cfg := config(t, nil)
	err := cfg.SetHostOS("beos", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	if err == nil || !strings.Contains(err.Error(), "linux") || len(cfg.Flow.Policies) != 0 {
		t.Errorf("beos: %v, policies %v", err, cfg.Flow.Policies)
	}
	if err := sensor.NewSettings(cfg).Set("host-os-policy.linux", "10.0.0.0/8,here"); err == nil || !strings.Contains(err.Error(), `"here"`) {
		t.Errorf("a network that is none: %v", err)
	}
}
