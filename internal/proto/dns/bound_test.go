package dns

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// feed hands datagrams to a parser and frees what comes of them.
func feed(p proto.Parser, d proto.Dir, msgs ...[]byte) {
	for _, m := range msgs {
		p.Data(d, m)
	}
	p.Free(len(p.Txs()))
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	ask, reply := query(7, "all.example.com", 255), everyType()
	for _, c := range []struct {
		name           string
		client, server []byte
	}{
		{"udp", ask.b, reply.b},
		{"tcp", tcp(ask, ask), tcp(reply, reply)},
	} {
		p := Descriptor().New(nil)
		pair := func() {
			feed(p, proto.ToServer, c.client)
			feed(p, proto.ToClient, c.server)
		}
		pair()
		if n := testing.AllocsPerRun(100, pair); n != 0 {
			t.Errorf("%s: %v allocations a pair, want 0", c.name, n)
		}
	}
}

func TestResetKeepsNothing(t *testing.T) {
	p := Descriptor().New(nil)
	p.Data(proto.ToServer, query(1, "a.example", typeA).b)
	p.Reset()
	p.Data(proto.ToServer, tcp(query(2, "b.example", typeA)))
	txs := p.Txs()
	if len(txs) != 1 || txs[0].Base().ID != 0 || string(QueryName(txs[0])) != "b.example" {
		t.Fatalf("after Reset: %d transactions", len(txs))
	}
}

// chain is a message of n bytes whose names are chains of pointers, each to the
// one before: the worst that compression can ask for.
func chain(n int) []byte {
	m := newMessage(1, 0x0100)
	m.q(wire("start.example"), typeA, 1)
	last := question
	for len(m.b) < n-8 && len(m.b) < 0x3ff0 {
		at := len(m.b)
		m.q(cat(1, "c", ptr(last)), typeA, 1)
		last = at
	}
	for len(m.b) < n-8 {
		m.q(ptr(last), typeA, 1)
	}
	return m.b
}

func TestNamesStayInBounds(t *testing.T) {
	p := Descriptor().New(nil)
	p.Data(proto.ToServer, chain(65000))
	tx := p.Txs()[0].(*Tx)
	if n := len(tx.mem) - tx.size; n > maxNameBytes {
		t.Errorf("%d bytes of names, want at most %d", n, maxNameBytes)
	}
	if len(tx.records) != maxRecords || !tx.Events.Has(evFlooded) || !tx.Events.Has(evNameTooLong) {
		t.Errorf("%d records, events %v", len(tx.records), tx.Events)
	}
	if n := len(appendEVE(nil, tx, proto.LogRequest)); n > maxEVE+4*MaxName {
		t.Errorf("EVE of %d bytes", n)
	}
	p.Free(1)
	for _, s := range p.(*parser).spare {
		if cap(s.mem) > maxSpareBytes || cap(s.records)*64 > maxSpareBytes {
			t.Errorf("kept %d bytes and %d records", cap(s.mem), cap(s.records))
		}
	}
}

// TestWorkIsLinear counts the labels and pointers read for a message: names
// that point at each other must not cost the square of the bytes.
func TestWorkIsLinear(t *testing.T) {
	steps := func(n int) int {
		p := Descriptor().New(nil)
		p.Data(proto.ToServer, chain(n))
		return p.Txs()[0].(*Tx).steps
	}
	one, four := steps(4000), steps(16000)
	if one < 4000/6 {
		t.Fatalf("harness: %d steps for 4,000 bytes of names", one)
	}
	if four > 5*one {
		t.Errorf("%d steps for four times the bytes of %d", four, one)
	}
}

// TestLiveTransactionsAreBounded: what is left when the parser is full is read
// once transactions were freed.
func TestLiveTransactionsAreBounded(t *testing.T) {
	const n = 2*maxLive + 1
	p := Descriptor().New(nil)
	var all []byte
	for i := range n {
		all = append(all, tcp(query(uint16(i), "x", typeA))...)
	}
	for i, want := range []int{maxLive, maxLive, 1} {
		pr := p.Data(proto.ToServer, all)
		all = all[pr.Used:]
		if got := len(p.Txs()); got != want || pr.Full != (len(all) > 0) {
			t.Fatalf("call %d: %d transactions, want %d; %+v", i, got, want, pr)
		}
		p.Free(want)
	}
	if len(all) > 0 {
		t.Errorf("%d bytes left", len(all))
	}
}

// TestFullDatagrams: a datagram that finds no room is given up, and said to be.
func TestFullDatagrams(t *testing.T) {
	p := Descriptor().New(nil)
	for i := range maxLive + 1 {
		pr := p.Data(proto.ToServer, query(uint16(i), "x", typeA).b)
		if pr.Full != (i == maxLive) {
			t.Fatalf("datagram %d: %+v", i, pr)
		}
	}
	if got := len(p.Txs()); got != maxLive {
		t.Errorf("%d transactions, want %d", got, maxLive)
	}
}

func TestGap(t *testing.T) {
	p := Descriptor().New(nil)
	first, lost, next := query(1, "first.example", typeA), query(2, "lost.example", typeA), query(3, "next.example", typeA)
	feed(p, proto.ToServer, tcp(first))
	if !p.Gap(proto.ToServer, 10) {
		t.Fatal("gave up")
	}
	rest := append(tcp(lost)[10:], tcp(next)...)
	pr := p.Data(proto.ToServer, rest)
	if pr.Stop || pr.Used != len(rest) {
		t.Fatalf("%+v", pr)
	}
	if txs := p.Txs(); len(txs) != 1 || string(QueryName(txs[0])) != "next.example" {
		t.Fatalf("%d transactions behind the hole", len(txs))
	}
}

func TestSetTransport(t *testing.T) {
	// A datagram that is a stream as well: its id is the length of what follows.
	inner := query(1, "inner.example", typeA)
	both := tcp(inner)
	for _, udp := range []bool{false, true} {
		p := Descriptor().New(nil)
		p.(*parser).SetTransport(udp)
		p.Data(proto.ToServer, both)
		if got := len(p.Txs()) == 1; got == udp {
			t.Errorf("udp %v: %d transactions", udp, len(p.Txs()))
		}
	}
}

func BenchmarkPair(b *testing.B) {
	ask, reply := query(7, "all.example.com", 255).b, everyType().b
	p := Descriptor().New(nil)
	b.SetBytes(int64(len(ask) + len(reply)))
	b.ReportAllocs()
	for b.Loop() {
		feed(p, proto.ToServer, ask)
		feed(p, proto.ToClient, reply)
	}
}
