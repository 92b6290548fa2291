package detect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// TestFileKeywords checks which files of a transaction the keywords accept.
func TestFileKeywords(t *testing.T) {
	up := &proto.File{Dir: toServer, Name: []byte("a/Tool.EXE"), Size: 100, State: proto.FileClosed}
	down := &proto.File{Dir: toClient, Name: []byte("page.html"), Size: 5000, State: proto.FileClosed}
	open := &proto.File{Dir: toServer, Size: 5000, State: proto.FileOpen}
	pdf := &proto.File{}
	pdf.Open(toServer, nil, 0, true)
	pdf.Append([]byte("%PDF-1.5\n"))
	pdf.Close(false)
	cfg := filesConfig(map[string]string{
		"sums": fmt.Sprintf("# bad\n\n%X  a.pdf\n", pdf.SHA256),
		"md5":  fmt.Sprintf("%x\n", pdf.MD5),
		"sha1": strings.Repeat("00", 20) + "\n",
	})
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
		{"filemagic", `filemagic:"PDF Document"`, []*proto.File{up, pdf}, true},
		{"filemagic, another type", `filemagic:"PNG"`, []*proto.File{pdf}, false},
		{"filemagic, negated", `filemagic:!"version 1.6"`, []*proto.File{pdf}, true},
		{"filemagic, negated there", `filemagic:!"VERSION 1.5"`, []*proto.File{pdf}, false},
		{"filemagic, no byte yet", `filemagic:!"version 1.6"`, []*proto.File{up}, false},
		{"filesha256", `filesha256:sums`, []*proto.File{up, pdf}, true},
		{"filesha256, not on the list", `filesha256:sums`, []*proto.File{up}, false},
		{"filesha256, negated", `filesha256:!sums`, []*proto.File{pdf}, false},
		{"filesha256, open", `filesha256:!sums`, []*proto.File{open}, false},
		{"filemd5", `filemd5:md5`, []*proto.File{pdf}, true},
		{"filesha1", `filesha1:!sha1`, []*proto.File{pdf}, true},
		{"filesha1, not taken", `filesha1:!sha1`, []*proto.File{up}, false},
		{"filesize", `filesize:>4999`, []*proto.File{up, down}, true},
		{"filesize, too small", `filesize:>5000`, []*proto.File{up, down}, false},
		{"filesize, open", `filesize:>4000`, []*proto.File{open}, true},
		{"filesize, may still grow", `filesize:<6000`, []*proto.File{open}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rs := compileWith(t, cfg, ruleOf(1, "alert fake any any -> any any", c.body))
			if want := strings.Contains(c.body, "md5") || strings.Contains(c.body, "sha1"); rs.AllHashes() != want {
				t.Errorf("asks for hashes: %t, want %t", !want, want)
			}
			r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
			r.newFlow(packet.ProtoTCP)
			r.app(1)
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

// TestFileHashRefused checks the complaints about lists.
func TestFileHashRefused(t *testing.T) {
	cfg := filesConfig(map[string]string{"short": "abcd\n", "long": strings.Repeat("0", 65) + "\n", "text": "# x\n" + strings.Repeat("xy", 32) + "\n"})
	for _, c := range []struct{ body, want string }{
		{"filesha256:none", "open none"}, {"filesha256:short", "line 1"}, {"filesha256:long", "line 1"}, {"filesha256:text", "line 2"},
		{"tcp.session:open", "want setup"},
	} {
		f, errs := rule.ParseFile("test.rules", []byte(ruleOf(1, "alert fake any any -> any any", c.body)))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		_, rep := Compile([]*rule.File{f}, cfg)
		if v := rep.Verdicts[0]; v.State != Refused || !strings.Contains(v.Reason, c.want) {
			t.Errorf("%s: %s %q, want %q", c.body, v.State, v.Reason, c.want)
		}
	}
}
