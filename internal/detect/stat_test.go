package detect

import (
	"os"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func TestStat(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("RULES"))
	if err != nil {
		t.Skip()
	}
	f, _ := rule.ParseFile("x", text)
	reg := proto.NewRegistry(all.Protocols())
	rs, _ := Compile([]*rule.File{f}, &Config{Registry: reg, PacketDirOnly: true})
	type key struct {
		where string
		cl    class
		d     int
		head  bool
	}
	n := map[key][6]int{}
	ex := map[key][]string{}
	for _, s := range rs.sigs {
		if s.kind != kindPacket || s.fast.buf == nil {
			continue
		}
		for d := range 2 {
			if !s.dirs.Has(Dir(d)) {
				continue
			}
			add := func(k key) {
				v := n[k]
				v[min(len(s.fast.bytes), 5)]++
				n[k] = v
				if len(s.fast.bytes) < 4 && s.fast.kind == fastAnywhere && !k.head && len(ex[k]) < 25 {
					ex[k] = append(ex[k], s.fast.explain)
				}
			}
			head := s.fast.limit > 0 && s.fast.limit <= headBytes
			for _, cl := range s.classes {
				if cl != classTCP || s.onPacket {
					add(key{"packet", cl, d, head})
				}
			}
			if s.onStream {
				add(key{"stream", 0, d, head})
			}
		}
	}
	for k, v := range n {
		t.Log(k, v, ex[k])
	}
}
