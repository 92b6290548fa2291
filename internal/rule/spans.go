package rule

import "slices"

// number is an address or port as a 128-bit unsigned integer.
type number struct{ high, low uint64 }

func (a number) less(b number) bool {
	return a.high < b.high || a.high == b.high && a.low < b.low
}

// next is a+1; the greatest number has none.
func (a number) next() number {
	if a.low++; a.low == 0 {
		a.high++
	}
	return a
}

// previous is a-1; 0 has none.
func (a number) previous() number {
	if a.low == 0 {
		a.high--
	}
	a.low--
	return a
}

// span is a range of numbers, both ends included.
type span struct{ low, high number }

// spans is a set: ascending ranges with gaps between them.
type spans []span

// normal sorts s in place and joins what overlaps or touches.
func normal(s spans) spans {
	slices.SortFunc(s, func(a, b span) int {
		switch {
		case a.low.less(b.low):
			return -1
		case b.low.less(a.low):
			return 1
		}
		return 0
	})
	out := s[:0]
	for _, x := range s {
		if n := len(out); n > 0 && !out[n-1].high.gapBefore(x.low) {
			if out[n-1].high.less(x.high) {
				out[n-1].high = x.high
			}
			continue
		}
		out = append(out, x)
	}
	return out
}

// gapBefore reports whether a gap lies between a and b, a < b.
func (a number) gapBefore(b number) bool {
	return a.less(b) && a.next() != b
}

// complement returns what of 0 to greatest s does not hold.
func (s spans) complement(greatest number) spans {
	var out spans
	var from number
	for _, x := range s {
		if from.less(x.low) {
			out = append(out, span{from, x.low.previous()})
		}
		if x.high == greatest {
			return out
		}
		from = x.high.next()
	}
	return append(out, span{from, greatest})
}

// minus returns what of s is not in t.
func (s spans) minus(t spans, greatest number) spans {
	if len(t) == 0 {
		return s
	}
	return s.intersect(t.complement(greatest))
}

func (s spans) intersect(t spans) spans {
	var out spans
	for i, j := 0, 0; i < len(s) && j < len(t); {
		low, high := s[i].low, s[i].high
		if low.less(t[j].low) {
			low = t[j].low
		}
		if t[j].high.less(high) {
			high = t[j].high
		}
		if !high.less(low) {
			out = append(out, span{low, high})
		}
		if s[i].high.less(t[j].high) {
			i++
		} else {
			j++
		}
	}
	return out
}

// isAll reports whether s holds 0 to greatest.
func (s spans) isAll(greatest number) bool {
	return len(s) == 1 && s[0] == span{number{}, greatest}
}
