package record

import "time"

// timeText formats timestamps; the text of the last second is kept, because
// neighbouring records share it.
type timeText struct {
	second int64
	text   [len("2006-01-02T15:04:05.")]byte
	set    bool
}

// append appends ns as 2006-01-02T15:04:05.000000+0000 (UTC).
func (t *timeText) append(b []byte, ns int64) []byte {
	sec, frac := ns/1e9, ns%1e9
	if frac < 0 {
		sec, frac = sec-1, frac+1e9
	}
	if !t.set || sec != t.second {
		time.Unix(sec, 0).UTC().AppendFormat(t.text[:0], "2006-01-02T15:04:05.")
		t.second, t.set = sec, true
	}
	b = append(b, t.text[:]...)
	us := frac / 1000
	for div := int64(100000); div > 0; div /= 10 {
		b = append(b, byte('0'+us/div%10))
	}
	return append(b, "+0000"...)
}

// AppendTime appends ns as an EVE timestamp with its quotes.
func (e *Encoder) AppendTime(b []byte, ns int64) []byte {
	b = append(b, '"')
	b = e.time.append(b, ns)
	return append(b, '"')
}
