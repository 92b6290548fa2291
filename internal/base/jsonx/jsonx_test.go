package jsonx

import (
	"encoding/json"
	"testing"
)

func TestAppendString(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"", `""`},
		{"plain", `"plain"`},
		{"a\"b\\c\r\n\t", `"a\"b\\c\r\n\t"`},
		{"\x00\x1f\x7f", `"\u0000\u001f\u007f"`},
		{"grün", `"grün"`},
		{"a\xffb\n", `"a\\xFFb\n"`},
	} {
		if got := string(AppendString(nil, tt.in)); got != tt.want {
			t.Errorf("AppendString(%q) = %s, want %s", tt.in, got, tt.want)
		}
		if got := string(AppendString(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("AppendString([]byte(%q)) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestFields(t *testing.T) {
	b := append([]byte(nil), '{')
	b = String(b, "s", "x")
	b = StringNotEmpty(b, "none", "")
	b = Uint(b, "u", 7)
	b = Int(b, "i", -7)
	b = Bool(b, "b", true)
	b = Hex(b, "h", []byte{0xde, 0xad})
	b = append(b, '}')
	if got, want := string(b), `{"s":"x","u":7,"i":-7,"b":true,"h":"dead"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNoAllocations(t *testing.T) {
	buf, v := make([]byte, 0, 256), []byte("www.example.com")
	if n := testing.AllocsPerRun(100, func() { buf = String(buf[:0], "hostname", v) }); n != 0 {
		t.Errorf("%v allocations per field, want 0", n)
	}
}

func FuzzAppendString(f *testing.F) {
	f.Add([]byte("a\xff\x00\"\\"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if out := AppendString(nil, b); !json.Valid(out) {
			t.Fatalf("%q: invalid JSON %s", b, out)
		}
		if out := AppendPrintable(nil, b); !json.Valid(out) {
			t.Fatalf("%q: invalid JSON %s", b, out)
		}
	})
}
