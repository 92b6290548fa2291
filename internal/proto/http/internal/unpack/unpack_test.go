package unpack

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
)

// maxOut bounds what the tests take of a bomb.
const maxOut = 1 << 20

// decode runs in through d in pieces of n bytes.
func decode(d *Decoder, k Kind, in []byte, n int) (out []byte, st Status) {
	d.Reset(k)
	for len(in) > 0 || st == Full {
		piece := in[:min(n, len(in))]
		in = in[len(piece):]
		for {
			var o []byte
			var used int
			o, used, st = d.Step(piece, len(in) == 0)
			out = append(out, o...)
			piece = piece[used:]
			if st != Full || len(out) > maxOut {
				break
			}
		}
		if st != More {
			return out, st
		}
	}
	return out, st
}

func samples() [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 70<<10)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	mixed := append([]byte(strings.Repeat("abcabcabd", 9000)), noise...)
	mixed = append(mixed, mixed[:40<<10]...)
	return [][]byte{nil, []byte("a"), []byte("hello, hello, hello"), make([]byte, 300<<10), noise, mixed}
}

// writer makes the coder of kind k at a level.
func writer(t *testing.T, k Kind, w io.Writer, level int) io.WriteCloser {
	t.Helper()
	var c io.WriteCloser
	var err error
	switch k {
	case Deflate:
		c, err = flate.NewWriter(w, level)
	case Zlib:
		c, err = zlib.NewWriterLevel(w, level)
	case Gzip:
		c, err = gzip.NewWriterLevel(w, level)
	case Brotli:
		c = brotli.NewWriterLevel(w, max(0, level))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRoundTrip(t *testing.T) {
	d := &Decoder{}
	for _, k := range []Kind{Deflate, Zlib, Gzip, Brotli} {
		for _, level := range []int{flate.HuffmanOnly, 0, 1, 6, 9} {
			for i, want := range samples() {
				var buf bytes.Buffer
				w := writer(t, k, &buf, level)
				w.Write(want)
				w.Close()
				for _, n := range []int{1, 7, 1460, 1 << 30} {
					got, st := decode(d, k, buf.Bytes(), n)
					if !bytes.Equal(got, want) || st != End && k != Brotli {
						t.Errorf("kind %d level %d sample %d cut %d: %d bytes of %d, status %d", k, level, i, n, len(got), len(want), st)
					}
				}
			}
		}
	}
}

// A cut stream gives all that was coded before the cut, and no error.
func TestTruncated(t *testing.T) {
	want := []byte(strings.Repeat("some text that compresses; ", 400))
	var buf bytes.Buffer
	w := writer(t, Gzip, &buf, 6)
	w.Write(want)
	w.Close()
	d := &Decoder{}
	last := 0
	for n := range buf.Len() {
		got, st := decode(d, Gzip, buf.Bytes()[:n], 1<<30)
		if st == Bad || !bytes.HasPrefix(want, got) || len(got) < last {
			t.Fatalf("%d bytes: %d out, status %d", n, len(got), st)
		}
		last = len(got)
	}
}

func TestBad(t *testing.T) {
	d := &Decoder{}
	for _, c := range []struct {
		k  Kind
		in string
	}{
		{Deflate, "\x06"},                       // block type 3
		{Deflate, "\x00\x01\x00\x00\x00"},       // lengths that don't agree
		{Deflate, "\x04\xff\xff\xff\xff\xff"},   // impossible codes
		{Deflate, "\x03\x02\x00\x00\x00\x00"},   // a distance before the start
		{Zlib, "\x79\x9c"},                      // no zlib header
		{Gzip, "\x1f\x8c"},                      // no gzip header
		{LZMA, strings.Repeat("\xff", 30)},      // no properties
		{Brotli, strings.Repeat("\xff\x00", 8)}, // reserved bits
	} {
		if out, st := decode(d, c.k, []byte(c.in), 1); st != Bad && len(out) > 0 {
			t.Errorf("%d %q: %q, status %d", c.k, c.in, out, st)
		}
	}
}

func TestGzipHeader(t *testing.T) {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	io.WriteString(w, "body")
	w.Close()
	in := buf.Bytes()
	in[3] |= 0xe0 // reserved flags
	for n := range 20 {
		if got, st := decode(&Decoder{}, Gzip, in, n+1); string(got) != "body" || st != End {
			t.Errorf("cut %d: %q, status %d", n+1, got, st)
		}
	}
}

func TestLZMA(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []byte
	}{
		{"5d00008000ffffffffffffffff002a1a08a2032566f14b78c5a205ff2ee6d9d2201aad34f8e21de84136fadc0669bb3ce410342709ebb366e3d46d7ab94ee0880cd44ff8018bb2d47ffffc8d8000",
			[]byte("The quick brown fox jumps over the lazy dog, again and again and again.")},
		{"5d00008000ffffffffffffffff00000052500a84f99bb28021a969d627e03e065a5f048d53d404ba39570509c15524de9db871593160a19ff96f4973f2c8ea8cba1a8b29692180fe338366af466dec9e898a0b83f03c0e898e3fed5fe79e90d91cff32f4b2e03951b2d21415b4c571badb06e3799a9fbb38c1b000ac930baa0619031208155b9bc848f0322efe2da087c8f0a4e0d251eb8d675692b24d84c5f18631df6a625bc2792dd9f73c73ba747407d83ca9562224a166f85a845f3067d2f64b492e7f20ebdbf8100e947877c73f6befb4cd95e26ff6446e06cf0b821acbdb7af0578d98ff90c03ee6c1124175ee032896eb13fba728ccaf32bba40e25f258b0ded8561c66f0e21b3976f997ff8fa3c82ff4adf2db3831307ac0722ad61b7e931d9cb96caf3ce934b09c27b45d568131a21af3d751ca7999bd2e02a3e560c86741bb5919901a6f6366e08739ab8017b1af20c7adfffff7959dc0",
			lzmaSample()},
	} {
		in, err := hex.DecodeString(c.in)
		if err != nil {
			t.Fatal(err)
		}
		d := &Decoder{}
		for _, n := range []int{1, 7, 1 << 30} {
			got, st := decode(d, LZMA, in, n)
			if !bytes.Equal(got, c.want) || st != End {
				t.Errorf("cut %d: %d bytes of %d, status %d", n, len(got), len(c.want), st)
			}
		}
	}
}

func lzmaSample() (b []byte) {
	for range 40 {
		for i := range 256 {
			b = append(b, byte(i))
		}
	}
	return append(b, strings.Repeat("The quick brown fox jumps over the lazy dog, again and again and again.", 5)...)
}

func TestNoAllocations(t *testing.T) {
	var buf bytes.Buffer
	w := writer(t, Gzip, &buf, 6)
	io.WriteString(w, strings.Repeat("text and more text; ", 500))
	w.Close()
	d := &Decoder{}
	if n := testing.AllocsPerRun(20, func() {
		d.Reset(Gzip)
		for in := buf.Bytes(); ; {
			_, used, st := d.Step(in, true)
			if in = in[used:]; st != Full {
				return
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add(uint8(0), []byte("\x4b\x04\x00"))
	f.Add(uint8(1), []byte("x\x9cK\x04\x00"))
	f.Add(uint8(2), []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03K\x04\x00"))
	f.Add(uint8(3), []byte("\x0b\x00\x80a\x03"))
	f.Add(uint8(4), []byte("]\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff\x00,\rE\xe2#K8\t\xfe$,[K6"))
	d := &Decoder{}
	f.Fuzz(func(t *testing.T, k uint8, in []byte) {
		kind := Kind(k % 5)
		whole, _ := decode(d, kind, in, 1<<30)
		whole = append([]byte(nil), whole...)
		cut, _ := decode(d, kind, in, 3)
		if kind != Brotli && !bytes.Equal(whole, cut) && len(whole) <= maxOut && len(cut) <= maxOut {
			t.Errorf("%d bytes whole, %d cut", len(whole), len(cut))
		}
		if kind == Deflate {
			ref, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), maxOut))
			if err == nil && len(ref) < maxOut && !bytes.Equal(ref, whole) {
				t.Errorf("%d bytes, compress/flate has %d", len(whole), len(ref))
			}
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	src := []byte(strings.Repeat("benchmark text with some 1234567890 digits; ", 4000))
	var buf bytes.Buffer
	w, _ := flate.NewWriter(&buf, 6)
	w.Write(src)
	w.Close()
	d := &Decoder{}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		d.Reset(Deflate)
		for in := buf.Bytes(); ; {
			_, used, st := d.Step(in, true)
			if in = in[used:]; st != Full {
				break
			}
		}
	}
}
