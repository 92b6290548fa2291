package detect

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/flow"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// withoutPrefilter compiles text and makes each rule a candidate wherever it may
// match, so that only its evaluation decides.
func withoutPrefilter(t *testing.T, text string) *Ruleset {
	t.Helper()
	rs, _ := compileText(t, text)
	rs.packet, rs.stream = [numClasses][2]payloadGroup{}, [2]payloadGroup{}
	for _, s := range rs.sigs {
		if s.fast.buf == nil {
			continue
		}
		for d := range 2 {
			if !s.dirs.Has(Dir(d)) {
				continue
			}
			for _, cl := range s.classes {
				if cl != classTCP || s.onPacket {
					rs.plain[cl][d].add(s)
				}
			}
			if s.onStream {
				rs.plainStream[d] = append(rs.plainStream[d], s.id)
				rs.anyStream[d] = true
			}
		}
	}
	return rs
}

// randomWord is a short content over few letters, so that it is often there.
func randomWord(rng *rand.Rand, letters string, n int) string {
	b := make([]byte, 1+rng.IntN(n))
	for i := range b {
		b[i] = letters[rng.IntN(len(letters))]
	}
	return string(b)
}

// randomContents are tests of a payload that bound each other in every way that
// reachOf reasons about.
func randomContents(rng *rand.Rand) string {
	var b strings.Builder
	for i := range 1 + rng.IntN(4) {
		neg := ""
		if i > 0 && rng.IntN(6) == 0 {
			neg = "!"
		}
		word := randomWord(rng, "abcd", 6)
		fmt.Fprintf(&b, `content:%s"%s"; `, neg, word)
		if rng.IntN(4) == 0 {
			b.WriteString("nocase; ")
		}
		switch k := rng.IntN(8); {
		case k == 0:
			b.WriteString("startswith; ")
		case k == 1:
			fmt.Fprintf(&b, "depth:%d; ", len(word)+rng.IntN(140))
		case k == 2:
			fmt.Fprintf(&b, "offset:%d; depth:%d; ", rng.IntN(20), len(word)+rng.IntN(120))
		case k == 3 && neg == "":
			b.WriteString("endswith; ")
		case i > 0 && k == 4:
			fmt.Fprintf(&b, "distance:%d; ", rng.IntN(30)-10)
		case i > 0 && k >= 5:
			fmt.Fprintf(&b, "distance:%d; within:%d; ", rng.IntN(12)-4, len(word)+rng.IntN(40))
		}
		switch rng.IntN(12) {
		case 0:
			b.WriteString(`pcre:"/[cd]/R"; `)
		case 1:
			b.WriteString("byte_jump:1,0,relative,bitmask 7; ")
		case 2:
			b.WriteString("isdataat:2,relative; ")
		}
		if neg == "" && len(word) > 2 && i == 0 && rng.IntN(8) == 0 {
			b.WriteString(`content:"` + word[:2] + `"; `)
		}
	}
	return b.String()
}

func randomRules(rng *rand.Rand, n int) string {
	var b strings.Builder
	headers := []string{"alert tcp any any -> any any", "alert udp any any -> any any", "alert ip any any -> any any",
		"alert tcp-pkt any any -> any any", "alert tcp-stream any any -> any any"}
	for sid := range n {
		extra := ""
		switch rng.IntN(10) {
		case 0:
			extra = fmt.Sprintf("dsize:<%d; ", 5+rng.IntN(300))
		case 1:
			extra = "flow:to_server; "
		}
		fmt.Fprintf(&b, "%s (%s%s sid:%d;)\n", headers[rng.IntN(len(headers))], extra, randomContents(rng), sid+1)
	}
	return b.String()
}

// TestPrefilterEquivalence puts random payloads, segments and gaps to random
// rules, with and without the prefilter: what matches is the same. A rule's
// match across the border of two chunks needs its fast pattern in the new one
// (scanStream), so there each direction is inspected once.
func TestPrefilterEquivalence(t *testing.T) {
	const sets, flows = 60, 16
	matched := 0
	for seed := range uint64(sets) {
		rng := rand.New(rand.NewPCG(seed, 27))
		text := randomRules(rng, 30)
		rs, _ := compileText(t, text)
		all := withoutPrefilter(t, text)
		if len(rs.sigs) < 15 {
			t.Fatalf("seed %d: %d rules of 30 compile", seed, len(rs.sigs))
		}
		for n := range flows {
			send := rng.Uint64()
			got := runRandomFlow(t, rs, send, n)
			want := runRandomFlow(t, all, send, n)
			if !slices.Equal(got, want) {
				t.Errorf("seed %d, flow %d: with the prefilter %v, without %v\n%s", seed, n, got, want, text)
				return
			}
			matched += len(got)
		}
	}
	if matched < 40*sets {
		t.Errorf("%d matches, too few to tell anything", matched)
	}
}

// runRandomFlow returns what matches, a 0 behind each packet. Even flows are UDP
// or packets that joined no stream, odd ones TCP with gaps.
func runRandomFlow(t *testing.T, rs *Ruleset, seed uint64, n int) (out []uint32) {
	rng := rand.New(rand.NewPCG(seed, 28))
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	l4 := uint8(packet.ProtoUDP)
	if n%4 != 0 {
		l4 = packet.ProtoTCP
	}
	r.newFlow(l4)
	if n%4 == 2 {
		r.f.TCP.Flags |= flow.StreamIgnored
	}
	for range 1 + rng.IntN(6) {
		data := strings.Repeat("z", rng.IntN(2)*rng.IntN(130)) + randomWord(rng, "abcdABz", 200)
		d := Dir(rng.IntN(2))
		if n%2 == 0 {
			out = append(append(out, r.send(d, data)...), 0)
			continue
		}
		if rng.IntN(3) == 0 {
			r.e.StreamGap(r.f, d, 1+rng.IntN(9))
		}
		r.e.StreamData(r.f, d, []byte(data), r.off[d])
		r.off[d] += uint64(len(data))
	}
	r.e.StreamClose(r.f, toServer)
	r.e.StreamClose(r.f, toClient)
	r.p.Flags = packet.FlagFlowEnd
	return append(out, r.send(toServer, "abcd")...)
}

// TestSmallOnStream: a chunk is larger than the packet that makes it due.
func TestSmallOnStream(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert tcp-stream any any -> any any", `dsize:<100; content:"evil"`))
	for range 10 {
		r.stream(toServer, strings.Repeat("z", 99))
	}
	r.stream(toServer, "ev")
	r.e.StreamClose(r.f, toServer)
	r.want(r.stream(toServer, "il"), 1)
}
