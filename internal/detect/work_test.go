package detect

import (
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// TestFinal: tests whose first failure must not end the search for another
// place of those before.
func TestFinal(t *testing.T) {
	for _, c := range []struct{ name, body, payload string }{
		{"behind a jump", `content:"a"; byte_jump:1,0,relative,string,dec; content:"z"; distance:0`, "a9xxa0z....."},
		{"behind an expression", `pcre:"/a.*d|b/"; content:"z"; distance:0`, "abzd"},
		{"at a variable", `content:"a"; byte_extract:1,0,n,relative,string,dec; content:"z"; offset:n; depth:1`, "a9a4z....."},
		{"expression within", `content:"a"; pcre:"/^z/R"`, "axaz"},
		{"word boundary", `content:"a"; pcre:"/\bfoo/R"`, "a xafoo"},
		{"look-behind", `content:"a"; pcre:"/(?<!a)foo/R"`, "a xafoo"},
		{"start of a line", `content:"a"; pcre:"/^foo/Rm"`, "a xafoo"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, ruleOf(1, "alert udp any any -> any any", c.body))
			r.newFlow(packet.ProtoUDP)
			r.want(r.send(toServer, c.payload), 1)
		})
	}
}

// TestWork: what a rule costs on one buffer is linear in it, whatever the rule
// looks for and the buffer repeats.
func TestWork(t *testing.T) {
	const size = bodyWhole
	for _, c := range []struct {
		name, body, unit string
		passes           uint64 // of the buffer, by the search for a literal; 0: the bound is met
	}{
		{"expression with a literal", `content:"eval("; pcre:"/\s*unescape\(/Ri"`, "eval(", 1},
		{"expression with a run", `content:"eval("; pcre:"/[^\r\n]*unescape\(/Ri"`, "eval(", 1},
		{"at the place itself", `content:"eval("; pcre:"/^\s*unescape\(/Ri"`, "eval( ", 1},
		{"content", `content:"eval("; fast_pattern; content:"unescape"; distance:0`, "eval(", 1},
		{"content behind contents", `content:"e"; fast_pattern; content:"("; distance:0; content:"qq"; distance:0`, "eval(", 1},
		{"content behind a number", `content:"a"; fast_pattern; byte_extract:1,0,n,relative; content:"qq"; distance:0`, "eval(", 1},
		{"word", `content:"eval("; pcre:"/\bunescape\(/Ri"`, "eval(", 0},
		{"far window", `content:"eval("; fast_pattern; content:"unescape"; nocase; distance:0; within:131072`, "eval(", 0},
		{"runs", `content:"eval("; pcre:"/\b[a-z(]+\d[a-z(]+/R"`, "eval(", 0},
		{"decoded", `content:"eval"; base64_decode:relative; base64_data; content:"unescape"`, "eval", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, app := "fake.body; "+c.body, true
			if strings.Contains(c.body, "base64") {
				body, app = c.body, false
			}
			r := newRig(t, ruleOf(1, "alert tcp any any -> any any", body))
			data := strings.Repeat(c.unit, size/len(c.unit))
			if app {
				r.app(1)
				r.set(fakeBody, data)
				r.tx(0).Progress[0] = fakeComplete
				r.want(r.send(toServer, ""))
			} else {
				r.e.StreamData(r.f, toServer, []byte(data), 0)
				r.want(r.end())
			}
			work, limit := r.e.ctx.re.Work, uint64(maxWork+bufferWork*len(data))
			if work == 0 || work > 2*limit { // a search that has begun is ended
				t.Errorf("work %d, want up to %d", work, 2*limit)
			}
			if few := c.passes*uint64(len(data))/4 + 8; c.passes > 0 && work > few {
				t.Errorf("work %d, want up to %d", work, few)
			}
			if c.passes == 0 && r.e.Counters.EvalLimit == 0 {
				t.Error("the bound was not counted")
			}
		})
	}
}
