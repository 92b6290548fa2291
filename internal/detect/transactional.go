package detect

import (
	"math/bits"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// checkTransactional checks what a rule with => must hold: every test belongs
// to one direction, and there are tests of both. apps are its protocols.
func (b *builder) checkTransactional(apps uint64) error {
	s := b.s
	if s.flowDir != 0 {
		return at(optionPos(b.r, "flow"), refuse("flow: a direction in a transactional rule", "write -> in the header, or leave the direction out"))
	}
	if s.payload != nil {
		return at(contentPos(b.r, &s.payload[0]), refuse("raw bytes have no direction in a transactional rule", "use the protocol's buffers"))
	}
	if apps == 0 {
		return nil // the caller's complaint says more
	}
	var seen proto.DirMask
	for i := range s.tx {
		t := &s.tx[i]
		m := t.directions(apps)
		if m == proto.MaskBoth {
			return at(b.bufferPos(t.buf.base), refuse(t.buf.name+" is in both directions of a transactional rule",
				"write "+t.buf.base.name+": to_server or "+t.buf.base.name+": to_client"))
		}
		seen |= m
	}
	for i := range s.txTests {
		t := &s.txTests[i]
		if t.event {
			continue // of the transaction as a whole
		}
		m := t.directions(apps)
		if m == proto.MaskBoth {
			hint := "say the same with a buffer that takes to_server or to_client"
			if t.name == "filesize" {
				hint = "write filesize:to_server,… or filesize:to_client,…"
			}
			return at(optionPos(b.r, t.name), refuse(t.name+" is in both directions of a transactional rule", hint))
		}
		seen |= m
	}
	if seen != proto.MaskBoth {
		return at(arrowPos(b.r), refuse("a transactional rule needs buffers of both directions", "write -> in the header, or add what the other side must hold"))
	}
	return nil
}

// directions returns where the buffer may be, in any of the protocols.
func (t *bufTest) directions(apps uint64) (m proto.DirMask) {
	for d := range 2 {
		side := proto.DirMask(1 << d)
		if (t.only == 0 || t.only&side != 0) && t.buf.protos(side)&apps != 0 {
			m |= side
		}
	}
	return m
}

// directions returns where the test may be, in any of the protocols.
func (t *txTest) directions(apps uint64) (m proto.DirMask) {
	for ; apps != 0; apps &= apps - 1 {
		if im := &t.by[bits.TrailingZeros64(apps)]; im.test != nil {
			m |= im.dirs
		}
	}
	return m
}
