package proto

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// narrow is a parser of one-byte messages that holds two transactions.
type narrow struct {
	quiet
	got string
	txs []Tx
}

func (p *narrow) Data(_ Dir, b []byte) Progress {
	for i, c := range b {
		if len(p.txs) == 2 {
			return Progress{Used: i, Full: true}
		}
		p.got += string(c)
		p.txs = append(p.txs, nil)
	}
	return Progress{Used: len(b)}
}

func (p *narrow) Gap(_ Dir, n int) bool { p.got += fmt.Sprintf("(%d)", n); return true }
func (p *narrow) Close(Dir)             { p.got += "." }
func (p *narrow) Txs() []Tx             { return p.txs }
func (p *narrow) Free(n int)            { p.txs = p.txs[n:] }

// TestFull: what a parser has no room for waits until transactions are freed,
// in order with what comes after it; what is given up is counted.
func TestFull(t *testing.T) {
	free := act{do: "free"}
	big := string(make([]byte, maxRest))
	for _, tt := range []struct {
		name string
		udp  bool
		do   []act
		want []string // what the parser has seen after each act
		lost uint64
	}{
		{"held", false, []act{data(0, "abcde"), data(0, "f"), free, free, free},
			[]string{"ab", "ab", "abcd", "abcdef", "abcdef"}, 0},
		{"nothing freed", false, []act{data(0, "abc"), {do: "settle"}, data(0, "d"), free},
			[]string{"ab", "ab", "ab", "abcd"}, 0},
		{"closed", false, []act{data(0, "abc"), end(0), free}, []string{"ab", "ab", "abc."}, 0},
		{"gap", false, []act{data(0, "abc"), gap(0, 7), free, data(0, "d")},
			[]string{"ab", "ab", "abc(7)", "abc(7)d"}, 0},
		{"bytes behind a gap", false, []act{data(0, "abc"), gap(0, 7), data(0, "xy"), free, data(0, "d")},
			[]string{"ab", "ab", "ab", "abc(9)", "abc(9)d"}, 1},
		{"too much", false, []act{data(0, "abc"), data(0, big), free}, []string{"ab", "ab", "abc\x00"}, 1},
		{"ended", false, []act{data(0, "abc"), {do: "put"}}, []string{"ab", "ab"}, 1},
		{"datagram", true, []act{data(0, "ab"), data(0, "c"), free, data(0, "d")},
			[]string{"ab", "ab", "ab", "abd"}, 1},
	} {
		p := &narrow{}
		pool := NewPool(NewRegistry([]*Descriptor{{
			Name: "narrow", TCP: true, UDP: true,
			Probe: func(Dir, []byte) Verdict { return Accept },
			New:   func(*Config) Parser { return p },
		}}), nil)
		pool.RethrowPanics = true
		s := pool.Get(tt.udp, 1, 2)
		var got []string
		for _, a := range tt.do {
			switch a.do {
			case "free":
				p.Free(len(p.txs))
				for range 3 {
					s.Settle()
				}
			case "put":
				pool.Put(s)
			default:
				a.on(s)
			}
			got = append(got, p.got)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: -want +got\n%s", tt.name, d)
		}
		if n := pool.Counters.RestFull; n != tt.lost {
			t.Errorf("%s: RestFull %d, want %d", tt.name, n, tt.lost)
		}
	}
}
