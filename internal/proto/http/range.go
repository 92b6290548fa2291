package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// contentRange is a parsed Content-Range (RFC 9110 §14.4).
type contentRange struct {
	start, end, total uint64
	hasRange, hasSize bool
}

func parseRange(v []byte) (r contentRange, ok bool) {
	v = trimSpace(v)
	if len(v) < 6 || !equalFold(v[:5], "bytes") {
		return r, false
	}
	v = trimLeft(v[5:])
	if len(v) > 0 && v[0] == '*' {
		v = v[1:]
	} else {
		a, n := parseUint(v)
		if n == 0 || n >= len(v) || v[n] != '-' {
			return r, false
		}
		v = v[n+1:]
		b, k := parseUint(v)
		if k == 0 || b < a {
			return r, false
		}
		v = v[k:]
		r.start, r.end, r.hasRange = a, b, true
	}
	if len(v) < 2 || v[0] != '/' {
		return r, false
	}
	if v[1] == '*' {
		return r, true
	}
	n := 0
	r.total, n = parseUint(v[1:])
	r.hasSize = n > 0
	return r, r.hasSize && (!r.hasRange || r.end < r.total)
}

// setRange notes the range that file f is, and whether it continues the file
// that earlier responses of the flow began.
func (t *tx) setRange(f *proto.File, v []byte) {
	r, ok := parseRange(v)
	if !ok {
		t.Events.Add(evRange)
		return
	}
	if !r.hasRange {
		return
	}
	f.Ranged, f.Start, f.End, f.Total = true, r.start, r.end, r.total
	if b := &t.msg[1].body; r.hasSize && r.end-r.start+1 < r.total && b.chain.n == 0 {
		b.ranged = t.p.ranges.take(t, r)
	}
}

// assembly puts the ranges of one file together that a client fetches in order
// over one connection. The pieces are files of their own as well.
type assembly struct {
	file  proto.File
	key   uint32 // of host and path
	next  uint64 // offset that is wanted
	total uint64
}

// take reports whether range r of t is the start, or the next piece.
func (a *assembly) take(t *tx, r contentRange) bool {
	key := hashName(t.hostName)*31 + hashName(t.path())
	if r.start == 0 {
		a.file.Open(proto.ToClient, t.path(), t.ID, *t.p.cfg.hashes)
		a.key, a.next, a.total = key, 0, r.total
		return true
	}
	return a.next == r.start && a.key == key && a.total == r.total
}

// add takes the next bytes of the piece that take accepted.
func (a *assembly) add(b []byte) {
	if n := a.total - a.next; uint64(len(b)) > n {
		b = b[:n]
	}
	a.file.Append(b)
	a.next += uint64(len(b))
}

// finish ends a piece; the last one completes the file, which t then carries.
func (a *assembly) finish(t *tx, whole bool) {
	if !whole {
		*a = assembly{file: a.file}
		return
	}
	if a.next < a.total {
		return
	}
	f := t.newFile(proto.ToClient, t.path())
	if f == nil {
		return
	}
	*f, a.file = a.file, *f
	f.TxID = t.ID
	f.Close(false)
	*a = assembly{file: a.file}
}
