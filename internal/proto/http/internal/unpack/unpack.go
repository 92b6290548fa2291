// Package unpack decodes HTTP content codings from bytes that arrive in pieces.
//
// A Decoder is pushed its input and hands back output as it goes; it never
// blocks, starts no goroutine, and needs its input only once. Whatever could be
// decoded before an error or the end of a cut stream has been handed out: the
// decoders judge no checksums and no trailers, because browsers show what they
// got. Memory is bounded by the window of each format.
package unpack

import (
	"errors"
	"io"

	"github.com/andybalholm/brotli"
)

// Kind is a coding.
type Kind uint8

// Codings. Deflate is RFC 1951 without a wrapper, Zlib RFC 1950.
const (
	Deflate Kind = iota
	Zlib
	Gzip
	Brotli
	LZMA
)

// Status says how a Step went.
type Status uint8

// Step results.
const (
	More Status = iota // all input taken; call again with what follows
	Full               // output is full: call again, with the rest of the input
	End                // the coded stream ended; the rest is not part of it
	Bad                // the input is not this coding; what follows is useless
	Big                // LZMA: the dictionary is larger than allowed
)

// Decoder decodes one stream at a time. The zero value is ready for Reset. It
// is large (about 100 KiB once used): share and reuse it.
type Decoder struct {
	kind Kind
	wrap wrapper
	inf  inflate
	lz   lzma
	br   *brotli.Reader
	feed feeder
	out  []byte
}

// Reset makes d ready for a stream of coding k.
func (d *Decoder) Reset(k Kind) {
	d.kind = k
	d.wrap = wrapper{}
	switch k {
	case Brotli:
		d.feed.b = nil
		if d.br == nil {
			d.br = brotli.NewReader(&d.feed)
			d.out = make([]byte, brotliOut)
		} else if err := d.br.Reset(&d.feed); err != nil {
			d.br = brotli.NewReader(&d.feed)
		}
	case LZMA:
		d.lz.reset()
	default:
		d.inf.reset()
	}
}

// Step decodes from in and returns the output, borrowed until the next call,
// and how much of in it took. last says that nothing follows in.
func (d *Decoder) Step(in []byte, last bool) (out []byte, used int, st Status) {
	switch d.kind {
	case Brotli:
		return d.stepBrotli(in)
	case LZMA:
		return d.lz.step(in, last)
	}
	if n := d.wrap.skip(d.kind, in); !d.wrap.done {
		return nil, n, d.wrap.status()
	} else if n > 0 {
		used = n
		in = in[n:]
	}
	out, n, st := d.inf.step(in)
	return out, used + n, st
}

// brotliOut is how much brotli output is handed over at a time.
const brotliOut = 16 << 10

// errMore is what the feeder answers when it has nothing yet; the brotli reader
// passes it on and goes on from there at the next Read.
var errMore = errors.New("more input needed")

// feeder is the brotli reader's source.
type feeder struct{ b []byte }

func (f *feeder) Read(p []byte) (int, error) {
	if len(f.b) == 0 {
		return 0, errMore
	}
	n := copy(p, f.b)
	f.b = f.b[n:]
	return n, nil
}

func (d *Decoder) stepBrotli(in []byte) ([]byte, int, Status) {
	d.feed.b = in
	n, err := d.br.Read(d.out)
	used := len(in) - len(d.feed.b)
	d.feed.b = nil
	switch {
	case err == nil && n > 0:
		return d.out[:n], used, Full
	case errors.Is(err, errMore):
		return d.out[:n], used, More
	case err == nil || errors.Is(err, io.EOF):
		return d.out[:n], used, End
	}
	return d.out[:n], used, Bad
}
