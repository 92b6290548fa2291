package detect

import (
	"strings"
	"testing"
)

// TestTransactional checks rules that look at both sides.
func TestTransactional(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert fake any any => any any", `fake.line; content:"GET"; fake.status; content:"200"`)+
		ruleOf(2, "alert fake any any => any any", `fake.line; content:"GET"; fake.status; content:"404"`)).app(1)
	r.set(fakeLine, "GET /")
	r.tx(0).Progress[0] = fakeComplete
	r.want(r.send(toServer, ""))
	r.set(fakeStatus, "200")
	r.tx(0).Progress[1] = fakeComplete
	r.want(r.send(toClient, ""), 1)
	r.want(r.send(toServer, ""))
}

// TestTransactionalEnds checks that => goes from the client to the server,
// whichever side has the fast pattern and is late.
func TestTransactionalEnds(t *testing.T) {
	const both = `fake.line; content:"GET"; fake.status; content:"200"`
	for _, c := range []struct {
		name, header, body string
		want               bool
	}{
		{"request's pattern", "any any => 8.8.8.8 80", `fake.line; content:"GET"; fast_pattern; fake.status; content:"200"`, true},
		{"response's pattern", "any any => 8.8.8.8 80", both + `; fast_pattern`, true},
		{"no pattern", "10.0.0.1 any => any 80", `fake.line; content:!"POST"; fake.status; content:!"404"`, true},
		{"turned, request's pattern", "8.8.8.8 80 => any any", `fake.line; content:"GET"; fast_pattern; fake.status; content:"200"`, false},
		{"turned, response's pattern", "8.8.8.8 80 => any any", both + `; fast_pattern`, false},
		{"turned, no pattern", "8.8.8.8 any => any any", `fake.line; content:!"POST"; fake.status; content:!"404"`, false},
	} {
		for _, late := range []Dir{toServer, toClient} {
			t.Run(c.name+" "+late.String(), func(t *testing.T) {
				r := newRig(t, ruleOf(1, "alert fake "+c.header, c.body)).app(1)
				r.set(fakeLine, "GET /")
				r.set(fakeStatus, "200")
				r.tx(0).Progress[late.Opposite()] = fakeComplete
				got := r.send(late.Opposite(), "")
				r.tx(0).Progress[late] = fakeComplete
				got = append(got, r.send(late, "")...)
				if (len(got) == 1) != c.want {
					t.Errorf("got %v, want match %t", got, c.want)
				}
			})
		}
	}
}

// TestTransactionalTracks checks that a threshold of a transactional rule
// counts by the client.
func TestTransactionalTracks(t *testing.T) {
	r := newRig(t, ruleOf(1, "alert fake any any => any any",
		`fake.line; content:"GET"; fake.status; content:"200"; fast_pattern; threshold:type limit, track by_src, count 1, seconds 60`))
	for i := range 2 {
		r.newFlow(6)
		r.app(1)
		r.f.Server = addr(8, 8, 8, byte(i)) // the late side's source
		r.set(fakeLine, "GET /")
		r.set(fakeStatus, "200")
		r.tx(0).Progress = [2]uint8{fakeComplete, fakeComplete}
		got := r.send(toClient, "")
		if (len(got) == 1) != (i == 0) {
			t.Errorf("flow %d: got %v", i, got)
		}
	}
}

// TestTransactionalRefused checks rules that can't be settled.
func TestTransactionalRefused(t *testing.T) {
	for _, c := range []struct{ name, body, reason string }{
		{"one side", `fake.line; content:"GET"`, "both directions"},
		{"buffer of both", `fake.line; content:"GET"; fake.status; content:"200"; fake.both; content:"x"`, "fake.both is in both"},
		{"size of both", `fake.line; content:"GET"; fake.status; content:"200"; filesize:>1`, "filesize is in both"},
		{"flow", `flow:to_server; fake.line; content:"GET"; fake.status; content:"200"`, "flow: a direction"},
		{"raw bytes", `content:"GET"; fake.line; content:"GET"; fake.status; content:"200"`, "raw bytes"},
		{"no buffers", `content:"GET"`, "both directions"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, rep := compileText(t, ruleOf(1, "alert fake any any => any any", c.body))
			if v := rep.Verdicts[0]; v.State != Refused || !strings.Contains(v.Reason, c.reason) || v.Hint == "" {
				t.Errorf("got %v: %s", v.State, v)
			}
		})
	}
	newRig(t, ruleOf(1, "alert fake any any => any any", `fake.line; content:"GET"; fake.both: to_client; content:"x"`)+
		ruleOf(2, "alert fake any any => any any", `fake.line; content:"GET"; filesize:to_client,>1`))
}
