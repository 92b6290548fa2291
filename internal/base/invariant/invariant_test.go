package invariant

import (
	"bytes"
	"testing"
)

func TestScribble(t *testing.T) {
	for _, in := range [][]byte{nil, {0}, []byte("abc"), bytes.Repeat([]byte{0xdb}, 300)} {
		got := bytes.Clone(in)
		Scribble(got)
		if len(in) > 1 && bytes.Equal(got, in) {
			t.Errorf("Scribble(%q) changed nothing", in)
		}
		same := 0
		for i := range got {
			if got[i] == in[i] {
				same++
			}
		}
		if same > 1+len(in)/128 {
			t.Errorf("Scribble(%q) left %d bytes", in, same)
		}
	}
}
