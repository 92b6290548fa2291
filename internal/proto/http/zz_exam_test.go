package http

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

func TestZZ(t *testing.T) {
	raw, _ := os.ReadFile("/tmp/ev/segs.json")
	var cs []struct {
		Name, Group string
		Set         []string
		Flows       [][][2]any
	}
	json.Unmarshal(raw, &cs)
	desc := Descriptor()
	only := os.Getenv("ONLY")
	good, bad := 0, 0
	for _, c := range cs {
		if only != "" && !strings.HasPrefix(c.Name, only) {
			continue
		}
		depth := 2
		if len(c.Set) > 0 && strings.Contains(c.Set[0], "layer-limit=3") {
			depth = 3
		}
		verbose := only != ""
		ok1, ok2, ok3 := 0, 0, 0
		for fi, f := range c.Flows {
			p := desc.New(&proto.Config{HTTPDecompressDepth: depth, HTTPLZMA: len(c.Set) > 1}).(*parser)
			var pend [2][]byte
			restart := func() {
			}
			_ = restart
			feed := func(d int) {
				pr := p.Data(proto.Dir(d), pend[d])
				pend[d] = pend[d][pr.Used:]
				if pr.Upgrade != "" && verbose {
					fmt.Println("   upgrade", pr.Upgrade, len(pend[0]), len(pend[1]))
				}
				if pr.Stop && verbose {
					fmt.Println("   stop", d)
				}
			}
			for _, e := range f {
				d := int(e[0].(float64))
				s := e[1].(string)
				if strings.HasPrefix(s, "gap") {
					n := 0
					fmt.Sscanf(s, "gap%d", &n)
					p.Gap(proto.Dir(d), n)
					continue
				}
				b, _ := base64.StdEncoding.DecodeString(s)
				pend[d] = append(pend[d], b...)
				feed(d)
			}
			p.Close(0)
			p.Close(1)
			for _, x := range p.Txs() {
				b := x.Base()
				v, _ := x.Buffer(bFileDataRes, 0)
				if bytes.Contains(v, []byte("EICAR-STANDARD-ANTIVIRUS-TEST-FILE")) {
					ok1++
				}
				if bytes.Contains(v, []byte("X5O!P%@AP[4")) {
					ok2++
				}
				for _, f := range b.Files {
					if bytes.HasSuffix(f.Name, []byte("eicar.txt")) || string(Hostname(x)) == "evader.example.com" {
						ok3++
					}
				}
				if verbose {
					fmt.Printf("%s flow %d tx %d done=%v %s\n", c.Name, fi, b.ID, b.Done, appendEVE(nil, x, 0))
					for e, n := range eventNames() {
						if b.Events.Has(uint8(e)) {
							fmt.Println("    event", n)
						}
					}
					for _, f := range b.Files {
						fmt.Printf("    file %v %q size %d state %v gaps %v\n", f.Dir, f.Name, f.Size, f.State, f.Gaps)
					}
					for i, bf := range desc.Buffers {
						if v, ok := x.Buffer(uint8(i), 0); ok && os.Getenv("BUF") != "" {
							fmt.Printf("    %s %q\n", bf.Name, v[:min(len(v), 200)])
						}
					}
				}
			}
		}
		if c.Group == "http-evader" {
			if ok1 == 1 && ok2 == 1 && ok3 == 1 {
				good++
			} else {
				bad++
				fmt.Println("FAIL", c.Name, ok1, ok2, ok3)
			}
		}
	}
	fmt.Println("good", good, "bad", bad)
}
