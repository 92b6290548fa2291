package pcapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// maxZstdWindow bounds what a compressed file may make us allocate: 128 MiB is
// what the zstd tool itself accepts without --memory.
const maxZstdWindow = 128 << 20

// input is the file below the buffer. It counts the bytes that it hands out.
type input struct {
	name  string
	raw   io.Reader // the file, or what Options.Stdin gave
	file  *os.File  // nil when raw is no file
	r     io.Reader // raw, or the decompressor on top of it
	done  atomic.Int64
	total int64
	own   bool // Close closes file
}

func openInput(path string, opt Options) (*input, error) {
	if path == "-" {
		in := &input{name: "standard input", raw: opt.Stdin}
		if opt.Stdin == nil {
			in.raw = os.Stdin
		}
		in.file, _ = in.raw.(*os.File)
		in.r = countReader{in}
		return in, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &input{name: path, raw: f, file: f, own: true}
	in.r = countReader{in}
	st, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, err
	case st.IsDir():
		f.Close()
		return nil, fmt.Errorf("%s: is a directory", path)
	case st.Mode().IsRegular():
		in.total = st.Size()
	}
	return in, nil
}

// Close closes the file unless it is standard input, which is not ours.
func (in *input) Close() error {
	if in.own {
		return in.file.Close()
	}
	return nil
}

// countReader reads the raw file and counts.
type countReader struct{ in *input }

func (c countReader) Read(p []byte) (int, error) {
	n, err := c.in.raw.Read(p)
	c.in.done.Add(int64(n))
	return n, err
}

// unpack looks at the first bytes and puts a decompressor below the buffer
// when they ask for one. The bytes already read are fed to it first.
func (s *Source) unpack() error {
	if err := s.need(4, false, "file header"); err != nil {
		return s.noEOF(err, "file header", 4)
	}
	head := s.buf[:s.w]
	gz := head[0] == 0x1f && head[1] == 0x8b
	// zstd frames, RFC 8878 §3.1: data frames and skippable frames.
	zs := bytes.Equal(head[:4], []byte{0x28, 0xb5, 0x2f, 0xfd}) ||
		head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18})
	if !gz && !zs {
		return nil
	}
	raw := io.MultiReader(bytes.NewReader(bytes.Clone(head)), s.in.r)
	var err error
	if gz {
		s.in.r, err = gzip.NewReader(raw)
	} else {
		s.in.r, err = zstd.NewReader(raw, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderMaxWindow(maxZstdWindow))
	}
	s.packed = true
	s.r, s.w = 0, 0
	if err != nil {
		return s.readError(err)
	}
	return nil
}

// need makes sure that n bytes lie at r. With frames lent the buffer may not
// move, and errLater asks for the next batch. At the end of the file it
// returns io.EOF when nothing is left, and a complaint about what otherwise.
func (s *Source) need(n int, lent bool, what string) error {
	if s.w-s.r >= n {
		return nil
	}
	if lent {
		return errLater
	}
	s.base += int64(s.r)
	s.w = copy(s.buf, s.buf[s.r:s.w])
	s.r, s.lent = 0, 0
	for idle := 0; s.w < n; {
		m, err := s.in.r.Read(s.buf[s.w:])
		s.w += m
		switch {
		case s.w >= n:
			// An error, if any, comes again with the next read.
		case errors.Is(err, io.EOF) && s.w == 0:
			return io.EOF
		case errors.Is(err, io.EOF):
			return s.short(what, n)
		case err != nil:
			return s.readError(err)
		case m == 0:
			if idle++; idle > 100 {
				return s.readError(io.ErrNoProgress)
			}
		}
	}
	return nil
}

// skip passes over n bytes, more than the buffer holds if need be.
func (s *Source) skip(n int64, lent bool, what string) error {
	for n > int64(s.w-s.r) {
		if lent {
			return errLater
		}
		n -= int64(s.w - s.r)
		s.r = s.w
		if err := s.need(1, false, what); err != nil {
			return s.noEOF(err, what, int(n))
		}
	}
	s.r += int(n)
	return nil
}

// short complains that the file ends inside what.
func (s *Source) short(what string, want int) error {
	return s.complain(ErrTruncated, "%s cut short: want %d bytes, got %d", what, want, s.w-s.r)
}

// complain makes an Error about the record at r.
func (s *Source) complain(kind error, format string, args ...any) error {
	return &Error{
		Path:    s.path,
		Offset:  s.base + int64(s.r),
		Packed:  s.packed,
		Problem: fmt.Sprintf(format, args...),
		Err:     kind,
	}
}

// readError names what the reader below says; compressed data that ends early
// counts as truncated, broken compressed data as corrupt.
func (s *Source) readError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case s.packed && errors.Is(err, io.ErrUnexpectedEOF):
		return s.complain(ErrTruncated, "compressed data cut short")
	case s.packed && !isFileError(err):
		return s.complain(fmt.Errorf("%w: %w", ErrCorrupt, err), "compressed data: %v", err)
	}
	return s.complain(err, "read: %v", err)
}

// isFileError tells the operating system's errors from the decompressor's.
func isFileError(err error) bool {
	var pe *os.PathError
	return errors.As(err, &pe)
}
