package detect

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// TestBodyHook checks that a rule on the state in which a body comes matches
// whenever some of it has come, and once when it is over; with a test on the
// body it matches once.
func TestBodyHook(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert fake:request_body any any -> any any", "flow:to_server")+
		ruleOf(2, "alert fake:request_body any any -> any any", `fake.body; content:"b"`)+
		ruleOf(3, "alert fake:request_head any any -> any any", "flow:to_server")).app(1)
	r.tx(0).Progress[0] = fakeStarted
	r.s.Calls[0]++
	r.want(r.send(toServer, ""))
	r.tx(0).Progress[0] = fakeHead
	r.s.Calls[0]++
	r.want(r.send(toServer, ""), 1, 3)
	r.want(r.send(toServer, ""))
	r.want(r.send(toClient, ""))
	r.tx(0).Progress[0] = fakeBodyState
	r.set(fakeBody, "b")
	for range 3 {
		r.s.Calls[0]++
		r.want(r.send(toServer, ""), 1)
	}
	r.s.Calls[0]++
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.send(toServer, ""), 1, 2)
	r.s.Calls[0]++
	r.want(r.send(toServer, ""))
}

// TestConfigRule checks that a config rule alerts nobody and marks the record
// of its transaction, and no other, as written.
func TestConfigRule(t *testing.T) {
	r := newRig(t, ruleOf(1, "config fake any any -> any any", `fake.line; content:"quiet"; config:logging  disable, type tx, scope tx`)+
		ruleOf(2, "alert fake any any -> any any", `fake.line; content:"quiet"`)).app(2)
	for i, line := range []string{"quiet", "loud"} {
		r.tx(i).Progress[0] = fakeHead
		r.tx(i).bufs[fakeLine] = [][]byte{[]byte(line)}
	}
	r.want(r.send(toServer, ""), 2)
	if got := [2]proto.LogBit{r.tx(0).Logged, r.tx(1).Logged}; got != [2]proto.LogBit{proto.LogAll, 0} {
		t.Errorf("got records %v marked", got)
	}
	for body, warned := range map[string]bool{
		"config:logging disable, type flow, scope flow": true, "config:tracking disable, type tx, scope tx": true,
		"config:logging enable, type tx, scope tx": false, "config:logging disable": false,
		"config:logging disable, type tx, scope tx, now": false,
	} {
		_, rep := compileText(t, ruleOf(1, "config fake any any -> any any", `fake.line; content:"x"; `+body))
		if got := rep.Refused == 0 && len(rep.Warnings) == 1; got != warned || rep.Refused == 1 == warned {
			t.Errorf("%s: got %d refused, warnings %v", body, rep.Refused, rep.Warnings)
		}
	}
}

// TestHookNames checks that the first and the last state of a direction have
// the names that Suricata gives them in every protocol.
func TestHookNames(t *testing.T) {
	states := []string{"client_hello", "client_done"}
	for name, want := range map[string]int{
		"client_hello": 0, "client_done": 1, "request_started": 0, "request_complete": 1,
		"response_started": -1, "response_complete": -1, "server_done": -1,
	} {
		if got := stateIndex(states, toServer, name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	if stateIndex(states, toClient, "response_complete") != 1 || stateIndex(nil, toClient, "response_started") != -1 {
		t.Error("names of the response")
	}
}
