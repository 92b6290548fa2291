package detect

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// randomBody is a rule's body of few letters and near places, so that contents
// often contradict each other and often don't.
func randomBody(rnd *rand.Rand, size string) string {
	text := func() string {
		b := make([]byte, 1+rnd.IntN(3))
		for i := range b {
			b[i] = "abAB"[rnd.IntN(4)]
		}
		return string(b)
	}
	var b strings.Builder
	if rnd.IntN(2) == 0 {
		fmt.Fprintf(&b, `%s:%s%d; `, size, []string{"", "<", ">", "<="}[rnd.IntN(4)], 1+rnd.IntN(8))
	}
	for range 1 + rnd.IntN(3) {
		fmt.Fprintf(&b, `content:%s"%s"; `, []string{"", "", "", "!"}[rnd.IntN(4)], text())
		if rnd.IntN(3) == 0 {
			b.WriteString("nocase; ")
		}
		switch rnd.IntN(7) {
		case 0:
			b.WriteString("startswith; ")
		case 1:
			b.WriteString("endswith; ")
		case 2:
			fmt.Fprintf(&b, "offset:%d; depth:%d; ", rnd.IntN(5), 1+rnd.IntN(4))
		case 3:
			fmt.Fprintf(&b, "offset:%d; ", rnd.IntN(5))
		case 4:
			fmt.Fprintf(&b, "distance:%d; ", rnd.IntN(12)-7)
		case 5:
			fmt.Fprintf(&b, "distance:%d; within:%d; ", rnd.IntN(12)-7, 1+rnd.IntN(5))
		}
	}
	return b.String()
}

// TestLintNeverRandom checks on many rules and many short texts that
// nothing matches which is said to never do.
func TestLintNeverRandom(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var text strings.Builder
	for sid := 1; sid <= 2000; sid++ {
		if sid%2 == 0 {
			text.WriteString(ruleOf(sid, "alert udp any any -> any any", randomBody(rnd, "dsize")))
			continue
		}
		text.WriteString(ruleOf(sid, "alert fake any any -> any any", "fake.line; "+[]string{"", "to_lowercase; ", "to_uppercase; "}[rnd.IntN(3)]+randomBody(rnd, "bsize")))
	}
	file, errs := rule.ParseFile("random.rules", []byte(text.String()))
	if errs != nil {
		t.Fatal(errs)
	}
	rs, rep := Compile([]*rule.File{file}, testConfig())
	never := map[uint32]Verdict{}
	for _, v := range rs.Lint([]*rule.File{file}) {
		if strings.HasPrefix(v.Lint.String(), "never") {
			never[v.SID] = v
		}
	}
	r := &rig{t: t, rs: rs, e: NewEngine(rs, NewShared()), time: 1e18}
	for range 1500 {
		payload := make([]byte, 1+rnd.IntN(10))
		for i := range payload {
			payload[i] = "abAB"[rnd.IntN(4)]
		}
		r.newFlow(packet.ProtoUDP)
		r.app(1).set(fakeLine, string(payload))
		r.tx(0).Progress[0] = fakeComplete
		r.send(toServer, string(payload))
	}
	matched := 0
	for _, s := range rs.Signatures() {
		if r.e.costs[s.id].matches == 0 {
			continue
		}
		matched++
		if v, ok := never[s.SID]; ok {
			t.Errorf("it matched: %s\n%s", v, s.Rule.Text)
		}
	}
	t.Logf("%d active, %d matched, %d said to never match", rep.Active, matched, len(never))
	if len(never) < 200 || matched < 700 {
		t.Error("too few of either")
	}
}
