package detect

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// TestFileKeywords checks which files of a transaction the keywords accept.
func TestFileKeywords(t *testing.T) {
	up := &proto.File{Dir: toServer, Name: []byte("a/Tool.EXE"), Size: 100, State: proto.FileClosed}
	down := &proto.File{Dir: toClient, Name: []byte("page.html"), Size: 5000, State: proto.FileClosed}
	open := &proto.File{Dir: toServer, Size: 5000, State: proto.FileOpen}
	for _, c := range []struct {
		name, body string
		files      []*proto.File
		want       bool
	}{
		{"filestore", `filestore`, []*proto.File{up}, true},
		{"filestore without a file", `filestore`, nil, false},
		{"filestore, the other side's file", `fake.line; content:"GET"; filestore:both,flow`, []*proto.File{down}, false},
		{"filename", `filename:"tool"`, []*proto.File{up}, true},
		{"filename, either file", `filename:"page"`, []*proto.File{up, down}, true},
		{"filename, negated", `filename:!"tool"`, []*proto.File{up}, false},
		{"fileext", `fileext:"exe"`, []*proto.File{up}, true},
		{"fileext, only the end", `fileext:"xe"`, []*proto.File{up}, false},
		{"filesize", `filesize:>4999`, []*proto.File{up, down}, true},
		{"filesize, too small", `filesize:>5000`, []*proto.File{up, down}, false},
		{"filesize, open", `filesize:>4000`, []*proto.File{open}, true},
		{"filesize, may still grow", `filesize:<6000`, []*proto.File{open}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert fake any any -> any any", c.body)).app(1)
			r.set(fakeLine, "GET /")
			r.tx(0).Files = c.files
			r.tx(0).Progress = [2]uint8{fakeComplete, fakeComplete}
			got := append(r.send(toServer, ""), r.send(toClient, "")...)
			if (len(got) > 0) != c.want {
				t.Errorf("got %v, want match %t", got, c.want)
			}
		})
	}
}

// TestChecksums checks that the checksum keywords judge by the bytes, whether
// or not the decoder verified them.
func TestChecksums(t *testing.T) {
	good := []byte{0x45, 0, 0, 0x1c, 0, 0, 0, 0, 0x40, 1, 0, 0, 10, 0, 0, 1, 8, 8, 8, 8}
	sum := ^packet.Sum(good)
	good[10], good[11] = byte(sum>>8), byte(sum)
	bad := append([]byte(nil), good...)
	bad[11]++
	r := newRig(t, ruleOf(1, "alert ip any any -> any any", `ipv4-csum:invalid`)+
		ruleOf(2, "alert ip any any -> any any", `ipv4-csum:valid`)+
		ruleOf(3, "alert icmp any any -> any any", `icmpv4-csum:invalid`))
	r.newFlow(packet.ProtoICMP)
	r.p.IP, r.p.L4 = good, []byte{8, 0, 0xf7, 0xff, 0, 0, 0, 0}
	r.want(r.send(toServer, ""), 2)
	r.p.IP, r.p.L4 = bad, []byte{8, 0, 0xf7, 0xfe, 0, 0, 0, 0}
	r.want(r.send(toServer, ""), 1, 3)
}
