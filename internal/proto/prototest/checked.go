package prototest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// checked is a parser whose every answer is held against the contract.
type checked struct {
	t       testing.TB
	d       *proto.Descriptor
	p       proto.Parser
	calls   int
	stopped [2]bool
	nextID  uint64
	upgrade string
}

var _ proto.Parser = (*checked)(nil)

// Data lends a copy, checks the answer, and overwrites the copy.
func (c *checked) Data(d proto.Dir, b []byte) proto.Progress {
	if c.stopped[d] {
		c.t.Errorf("%v: called after Stop", d)
	}
	lent := append(make([]byte, 0, len(b)), b...)
	pr := c.p.Data(d, lent)
	if string(lent) != string(b) {
		c.t.Errorf("%v: the parser writes on its input", d)
	}
	if pr.Used < 0 || pr.Used > len(b) {
		c.t.Fatalf("%v: used %d of %d bytes", d, pr.Used, len(b))
	}
	if left := len(b) - pr.Used; left > 0 && pr.Need > 0 && pr.Need <= left {
		c.t.Errorf("%v: wants %d bytes and left %d", d, pr.Need, left)
	}
	if pr.Full && len(c.p.Txs()) == 0 {
		c.t.Errorf("%v: full without a transaction", d)
	}
	c.stopped[d] = pr.Stop
	if pr.Upgrade != "" {
		c.upgrade = pr.Upgrade
	}
	c.check()
	// Every call of a short script, and one in sixteen of a long one.
	if c.calls++; c.calls < 64 || c.calls%16 == 0 {
		before := c.snapshot()
		invariant.Scribble(lent)
		if after := c.snapshot(); before != after {
			c.t.Errorf("%v: the parser kept bytes it was lent", d)
		}
	}
	invariant.Scribble(lent)
	return pr
}

// check holds the list of transactions against the contract.
func (c *checked) check() {
	txs := c.p.Txs()
	for i, tx := range txs {
		id := tx.Base().ID
		if i > 0 && id <= txs[i-1].Base().ID {
			c.t.Errorf("transaction %d after %d", id, txs[i-1].Base().ID)
		}
	}
	if n := len(txs); n > 0 {
		c.nextID = max(c.nextID, txs[n-1].Base().ID+1)
	}
}

// snapshot prints all that can be read of the newest transactions.
func (c *checked) snapshot() string {
	var sb strings.Builder
	txs := c.p.Txs()
	for _, tx := range txs[max(0, len(txs)-4):] {
		for id := range c.d.Buffers {
			for i := range 64 {
				b, ok := tx.Buffer(uint8(id), i)
				if !ok {
					break
				}
				fmt.Fprintf(&sb, "%d.%d %q\n", id, i, b)
			}
		}
		if c.d.AppendEVE != nil {
			sb.Write(c.d.AppendEVE(nil, tx, proto.LogAlert))
		}
		for _, f := range tx.Base().Files {
			fmt.Fprintf(&sb, "%q %q\n", f.Name, f.Head)
		}
	}
	return sb.String()
}

// Gap implements proto.Parser.
func (c *checked) Gap(d proto.Dir, n int) bool {
	ok := c.p.Gap(d, n)
	c.stopped[d] = c.stopped[d] || !ok
	c.check()
	return ok
}

// Close implements proto.Parser.
func (c *checked) Close(d proto.Dir) {
	c.p.Close(d)
	c.check()
}

// Txs implements proto.Parser.
func (c *checked) Txs() []proto.Tx { return c.p.Txs() }

// Free checks that exactly the oldest n go.
func (c *checked) Free(n int) {
	txs := c.p.Txs()
	want := len(txs) - n
	var first uint64
	if want > 0 {
		first = txs[n].Base().ID
	}
	c.p.Free(n)
	txs = c.p.Txs()
	if len(txs) != want {
		c.t.Fatalf("Free(%d) left %d transactions, want %d", n, len(txs), want)
	}
	if want > 0 && txs[0].Base().ID != first {
		c.t.Fatalf("Free(%d) left transaction %d first, want %d", n, txs[0].Base().ID, first)
	}
}

// Reset implements proto.Parser; a fresh parser holds nothing.
func (c *checked) Reset() {
	c.p.Reset()
	if n := len(c.p.Txs()); n != 0 {
		c.t.Errorf("%d transactions after Reset", n)
	}
	c.stopped, c.nextID, c.upgrade, c.calls = [2]bool{}, 0, "", 0
}

// SetFrames passes on who wants frames.
func (c *checked) SetFrames(f *proto.Frames) {
	if p, ok := c.p.(interface{ SetFrames(f *proto.Frames) }); ok {
		p.SetFrames(f)
	}
}

// SetTransport passes on what a session may tell a parser of its transport.
func (c *checked) SetTransport(udp bool) {
	if p, ok := c.p.(interface{ SetTransport(udp bool) }); ok {
		p.SetTransport(udp)
	}
}
