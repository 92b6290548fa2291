// Package pcapfile reads frames from capture files and writes capture files.
//
// It owns the two formats, classic pcap and pcapng, and unpacks gzip and zstd
// on the way. It never looks inside a frame, never seeks (a pipe is as good as
// a file), and never keeps more of a file in memory than one buffer.
//
// Formats: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
package pcapfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/mirrorwall/mirrorwall/internal/base/invariant"
	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

const (
	// MaxFrameBytes is the largest captured frame that a record may hold; it
	// is libpcap's MAXIMUM_SNAPLEN. A larger length means a broken file.
	MaxFrameBytes = 256 << 10
	// bufferBytes is the read buffer. It holds any packet record whole.
	bufferBytes = 1 << 20
	// batchFrames is the size of a batch whose owner gave no memory.
	batchFrames = 256
)

// What a file can be accused of; use errors.Is.
var (
	// ErrTruncated: the file ends inside a record. All whole records before
	// it have been delivered.
	ErrTruncated = errors.New("file cut short")
	// ErrCorrupt: a length or a type in the file makes no sense, so that the
	// next record cannot be found.
	ErrCorrupt = errors.New("file corrupt")
	// ErrFormat: not a capture file at all, or one of a version or link type
	// that is not read here.
	ErrFormat = errors.New("format not supported")
)

// Error is a complaint about a place in a file.
type Error struct {
	Path    string
	Offset  int64 // bytes from the start, of the unpacked data when Packed
	Packed  bool  // the file is compressed
	Problem string
	Err     error // ErrTruncated, ErrCorrupt, ErrFormat, or the reader's error
}

// Error names the file, the place and the problem.
func (e *Error) Error() string {
	of := ""
	if e.Packed {
		of = " (unpacked)"
	}
	return fmt.Sprintf("%s: offset %d%s: %s", e.Path, e.Offset, of, e.Problem)
}

// Unwrap returns the kind of complaint.
func (e *Error) Unwrap() error { return e.Err }

// Options adjust Open; the zero value is right for most.
type Options struct {
	// Stdin is read when the path is "-"; nil means os.Stdin.
	Stdin io.Reader
}

// Source reads one capture file. ReadBatch and Close belong to one goroutine;
// Counters and Progress may be called from any.
type Source struct {
	path   string
	in     *input
	packed bool

	// Bytes r..w of buf are read and not yet parsed; base is the offset of
	// buf[0] in the (unpacked) file. Frames of the last batch lie from lent
	// to r, which is why nothing moves before the next ReadBatch.
	buf  []byte
	r, w int
	lent int
	base int64

	swap bool // the file's byte order is big endian
	ng   *ngState
	pcap pcapState
	err  error // sticky: told once all whole records are out

	deadline capture.Deadline
	closed   atomic.Bool
	frames   atomic.Uint64
	bytes    atomic.Uint64
	cut      atomic.Uint64
	bad      atomic.Uint64
	lastTime int64
}

var _ capture.Source = (*Source)(nil)

// errLater says that the next record needs the buffer to move, which the
// frames already lent forbid.
var errLater = errors.New("later")

// Open opens a capture file and reads its header; "-" is standard input.
func Open(path string, opt Options) (*Source, error) {
	in, err := openInput(path, opt)
	if err != nil {
		return nil, err
	}
	s := &Source{path: in.name, in: in, buf: make([]byte, bufferBytes)}
	if err := s.start(); err != nil {
		in.Close()
		return nil, err
	}
	return s, nil
}

// start finds out compression and format and reads the file header.
func (s *Source) start() error {
	if err := s.unpack(); err != nil {
		return err
	}
	if err := s.need(4, false, "file header"); err != nil {
		return s.noEOF(err, "file header", 4)
	}
	m := [4]byte(s.buf[s.r:])
	if m == ngMagic {
		s.ng = &ngState{}
		return s.noEOF(s.ngSection(false), "section header", ngSectionMin)
	}
	return s.noEOF(s.pcapHeader(m), "file header", pcapHeaderLen)
}

// noEOF turns an end of file in a header into a complaint: a capture without
// its header is not an empty capture.
func (s *Source) noEOF(err error, what string, want int) error {
	if errors.Is(err, io.EOF) {
		return s.short(what, want)
	}
	return err
}

// ReadBatch fills b with up to len(b.Frames) frames (256 when b has no memory
// of its own). The frames share one buffer, lent until the next call. When the
// file is broken, the frames before the break come first, then the error, an
// *Error, again and again.
func (s *Source) ReadBatch(ctx context.Context, b *capture.Batch) error {
	b.N = 0
	if invariant.Enabled {
		invariant.Scribble(s.buf[s.lent:s.r])
	}
	s.lent = s.r
	if s.closed.Load() {
		return fmt.Errorf("%s: %w", s.path, os.ErrClosed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.err != nil {
		return s.err
	}
	if len(b.Frames) == 0 {
		b.Frames = make([]capture.Frame, batchFrames)
	}
	err := s.fillBatch(ctx, b)
	s.count(b)
	if err == nil || errors.Is(err, errLater) {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return err
	}
	s.err = err
	if b.N > 0 {
		return nil
	}
	return err
}

// fillBatch reads frames until b is full or the buffer has to move.
func (s *Source) fillBatch(ctx context.Context, b *capture.Batch) error {
	// A named pipe may block. A standard input that cannot be polled ends
	// with its writer instead.
	if s.in.file != nil {
		s.deadline.Watch(ctx, s.in.file)
	}
	for b.N < len(b.Frames) {
		err := s.next(&b.Frames[b.N], b.N > 0)
		switch {
		case err == nil:
			b.N++
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			s.deadline.Clear()
		}
	}
	return nil
}

// next parses the next record that holds a frame.
func (s *Source) next(f *capture.Frame, lent bool) error {
	if s.ng != nil {
		return s.ngNext(f, lent)
	}
	return s.pcapNext(f, lent)
}

// count adds a batch to the totals: four atomic additions a batch.
func (s *Source) count(b *capture.Batch) {
	var bytes, cut uint64
	for i := range b.Frames[:b.N] {
		f := &b.Frames[i]
		bytes += uint64(len(f.Data))
		if f.WireLen > len(f.Data) {
			cut++
		}
	}
	s.frames.Add(uint64(b.N))
	s.bytes.Add(bytes)
	s.cut.Add(cut)
}

// lend completes f from a record at r: head bytes of header, n captured bytes.
func (s *Source) lend(f *capture.Frame, head, n int, wire uint32, t int64, link packet.LinkType) {
	at := s.r + head
	*f = capture.Frame{
		Data:    s.buf[at : at+n : at+n],
		WireLen: max(int(wire), n),
		Time:    t,
		Link:    link,
	}
	s.lastTime = t
}

// Counters returns the totals so far; safe from another goroutine.
func (s *Source) Counters() capture.Counters {
	return capture.Counters{
		Frames:    s.frames.Load(),
		Bytes:     s.bytes.Load(),
		Truncated: s.cut.Load(),
		Malformed: s.bad.Load(),
	}
}

// Progress returns how many bytes of the file have been read and how many it
// has, both as stored on disk, compressed or not. The total is 0 when it is
// not known (standard input, a pipe). Safe from another goroutine.
func (s *Source) Progress() (done, total int64) {
	return s.in.done.Load(), s.in.total
}

// Close releases the file; a second Close does nothing.
func (s *Source) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.deadline.Stop()
	return s.in.Close()
}
