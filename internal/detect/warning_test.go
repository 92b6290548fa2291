package detect

import (
	"strings"
	"testing"
)

// TestWarnings checks that words without an effect are complained about, in
// rules that run and in those alone.
func TestWarnings(t *testing.T) {
	for _, word := range []string{"nfq_set_mark:0x1/0xf", "tag:session,10,packets"} {
		name, _, _ := strings.Cut(word, ":")
		_, rep := compileText(t, ruleOf(1, "alert tcp any any -> any any", `content:"a"; `+word))
		if rep.Active != 1 || len(rep.Warnings) != 1 {
			t.Errorf("%s: got %d active, warnings %v", word, rep.Active, rep.Warnings)
			continue
		}
		if w := rep.Warnings[0]; w.SID != 1 || !strings.HasPrefix(w.Reason, name+": no effect here: ") {
			t.Errorf("%s: got warning %s", word, w)
		}
	}
	_, rep := compileText(t, ruleOf(1, "alert tcp any any -> any any", `nfq_set_mark:0x1; content:"a"; depth:x`))
	if rep.Refused != 1 || len(rep.Warnings) != 0 {
		t.Errorf("refused: got %d refused, warnings %v", rep.Refused, rep.Warnings)
	}
}

// TestGrowingWork checks that raw bytes alone don't have a growing body looked
// at again: its work is paced by its own growth.
func TestGrowingWork(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert fake any any -> any any", `fake.body; content:"needle"; pcre:"/never$/"`)+
		ruleOf(2, "alert tcp any any -> any any", `content:"stream rules make chunks due"`)).app(1)
	r.tx(0).Progress[0] = fakeBodyState
	body := "needle" + strings.Repeat("x", bodyFirst)
	r.set(fakeBody, body)
	r.want(r.send(toServer, ""))
	evaluated := r.e.Counters.Evaluated
	if evaluated == 0 {
		t.Fatal("the body was not looked at")
	}
	chunk := strings.Repeat("y", 4096)
	for range 3 {
		body += chunk
		r.set(fakeBody, body)
		r.want(r.stream(toServer, chunk))
	}
	if n := r.e.Counters.Evaluated - evaluated; n != 0 {
		t.Errorf("got %d evaluations for less than bodyWindow", n)
	}
}
