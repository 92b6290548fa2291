package pcapfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/capturetest"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

const testTime = 1_700_000_000_123_456_000

// testFrames makes n frames of many sizes, whole and cut, some beyond half the
// read buffer in sum so that records straddle its end.
func testFrames(n int) []capture.Frame {
	fs := make([]capture.Frame, n)
	for i := range fs {
		d := make([]byte, 60+(i*37)%1455)
		if i%300 == 5 {
			d = make([]byte, MaxFrameBytes)
		}
		for j := range d {
			d[j] = byte(i + j*7)
		}
		fs[i] = capture.Frame{Data: d, WireLen: len(d) + i%3, Time: testTime + int64(i)*1_000_000, Link: packet.LinkEthernet}
	}
	return fs
}

// classic writes frames with a magic, in a byte order.
func classic(o binary.AppendByteOrder, magic uint32, fs []capture.Frame) []byte {
	b := o.AppendUint32(nil, magic)
	b = o.AppendUint16(b, 2)
	b = o.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = o.AppendUint32(b, 65535)
	b = o.AppendUint32(b, uint32(fs[0].Link))
	unit := int64(1000)
	if magic == magicNano {
		unit = 1
	}
	for _, f := range fs {
		b = o.AppendUint32(b, uint32(f.Time/1e9))
		b = o.AppendUint32(b, uint32(f.Time%1e9/unit))
		b = o.AppendUint32(b, uint32(len(f.Data)))
		b = o.AppendUint32(b, uint32(f.WireLen))
		if magic == magicModified {
			b = append(b, 1, 2, 3, 4, 5, 6, 7, 8)
		}
		b = append(b, f.Data...)
	}
	return b
}

func pack(t testing.TB, b []byte, how string) []byte {
	var out bytes.Buffer
	var w io.WriteCloser
	switch how {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	default:
		return b
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func write(t testing.TB, name string, b []byte) string {
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, b []byte) *Source {
	t.Helper()
	s, err := Open(write(t, "t.pcap", b), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// readAll reads to the end and returns copies, and the error if not io.EOF.
func readAll(s *Source) ([]capture.Frame, error) {
	var out []capture.Frame
	b := capture.Batch{Frames: make([]capture.Frame, 64)}
	for {
		err := s.ReadBatch(context.Background(), &b)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		for _, f := range b.Frames[:b.N] {
			f.Data = bytes.Clone(f.Data)
			out = append(out, f)
		}
	}
}

func TestConformance(t *testing.T) {
	fs := testFrames(900)
	le, be := binary.LittleEndian, binary.BigEndian
	files := []struct {
		name string
		data []byte
	}{
		{"micro le", classic(le, magicMicro, fs)},
		{"micro be", classic(be, magicMicro, fs)},
		{"nano le", classic(le, magicNano, fs)},
		{"nano be", classic(be, magicNano, fs)},
		{"modified", classic(le, magicModified, fs)},
		{"gzip", pack(t, classic(le, magicMicro, fs), "gzip")},
		{"zstd", pack(t, classic(le, magicMicro, fs), "zstd")},
		{"ng le", ngFile(le, fs)},
		{"ng be", ngFile(be, fs)},
		{"ng zstd", pack(t, ngFile(le, fs), "zstd")},
	}
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			capturetest.Run(t, func(t *testing.T) (capture.Source, []capture.Frame) {
				return open(t, f.data), fs
			})
		})
		t.Run(f.name+" from a pipe", func(t *testing.T) {
			s, err := Open("-", Options{Stdin: drip{bytes.NewReader(f.data)}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(s)
			if !reflect.DeepEqual(fs, got) || err != nil {
				t.Errorf("frames differ: want %d, got %d, %v", len(fs), len(got), err)
			}
		})
	}
}

// drip hands out odd little pieces, as a pipe does.
type drip struct{ r io.Reader }

func (d drip) Read(p []byte) (int, error) { return d.r.Read(p[:min(len(p), 4093)]) }

func TestWriter(t *testing.T) {
	fs := testFrames(20)
	var out bytes.Buffer
	w := NewWriter(&out, packet.LinkEthernet)
	m := NewMicroWriter(&out, packet.LinkRaw)
	for _, f := range fs {
		if err := w.WriteFrame(f.Time, f.WireLen, f.Data); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readAll(open(t, out.Bytes()))
	if !reflect.DeepEqual(fs, got) || err != nil {
		t.Errorf("frames differ: want %d, got %d, %v", len(fs), len(got), err)
	}
	out.Reset()
	if err := m.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := m.WriteFrame(1_999, 0, []byte("x")); err != nil {
		t.Fatal(err)
	}
	got, err = readAll(open(t, out.Bytes()))
	want := []capture.Frame{{Data: []byte("x"), WireLen: 1, Time: 1000, Link: packet.LinkRaw}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("frames (-want +got): %v\n%s", err, diff)
	}
	if err := w.WriteFrame(-1, 0, nil); err == nil {
		t.Error("time before 1970: no error")
	}
	if err := w.WriteFrame(0, 0, make([]byte, MaxFrameBytes+1)); err == nil {
		t.Error("frame too large: no error")
	}
}

func TestBroken(t *testing.T) {
	le := binary.LittleEndian
	fs := testFrames(3)
	whole := classic(le, magicMicro, fs)
	ng := ngFile(le, fs)
	last := len(fs[2].Data)
	bad := bytes.Clone(whole)
	le.PutUint32(bad[24+8:], 1<<31)
	badNG := bytes.Clone(ng)
	le.PutUint32(badNG[len(ng)-4:], 12)
	tests := []struct {
		name   string
		data   []byte
		frames int
		kind   error
		text   string
	}{
		{"empty", nil, 0, ErrTruncated, "t.pcap: offset 0: file header cut short: want 4 bytes, got 0"},
		{"two bytes", whole[:2], 0, ErrTruncated, "offset 0: file header cut short"},
		{"half a header", whole[:20], 0, ErrTruncated, "want 24 bytes, got 20"},
		{"text", []byte("hello, world"), 0, ErrFormat, "not a capture file: starts with 68 65 6c 6c"},
		{"version", append(le.AppendUint32(nil, magicMicro), make([]byte, 20)...), 0, ErrFormat, "pcap version: want 2, got 0"},
		{"link type", classic(le, magicMicro, []capture.Frame{{Link: 127}}), 0, ErrFormat, "link type 127: not supported"},
		{"cut record", whole[:len(whole)-10], 2, ErrTruncated, "record cut short: want 150 bytes, got 140"},
		{"cut record header", whole[:len(whole)-last-1], 2, ErrTruncated, "record header cut short: want 16 bytes, got 15"},
		{"length", bad, 0, ErrCorrupt, "offset 24: record length: want at most 262144, got 2147483648"},
		{"gzip cut", pack(t, whole, "gzip")[:100], 0, ErrTruncated, "compressed data cut short"},
		{"gzip rubbish", append([]byte{0x1f, 0x8b}, make([]byte, 50)...), 0, ErrCorrupt, "(unpacked): compressed data"},
		{"zstd cut", pack(t, whole, "zstd")[:100], 0, ErrTruncated, "compressed data cut short"},
		{"ng cut", ng[:len(ng)-3], 2, ErrTruncated, "block cut short"},
		{"ng cut header", ng[:13], 0, ErrTruncated, "section header cut short"},
		{"ng length at the end", badNG, 2, ErrCorrupt, "block length at its end"},
		{"ng no interface", append(bytes.Clone(ng[:28]), ng[len(ng)-ngBlockLen(last):]...), 0, ErrCorrupt, "packet of interface 0: the section has 0"},
		{"ng block length", le.AppendUint32(le.AppendUint32(bytes.Clone(ng[:28]), 99), 13), 0, ErrTruncated, "block header"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(write(t, "t.pcap", tt.data), Options{})
			var got []capture.Frame
			if err == nil {
				got, err = readAll(s)
				if again := s.ReadBatch(context.Background(), new(capture.Batch)); !errors.Is(again, err) {
					t.Errorf("second time: want %v, got %v", err, again)
				}
			}
			if !errors.Is(err, tt.kind) || err == nil || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("error: want %q (%v), got %v", tt.text, tt.kind, err)
			}
			if len(got) != tt.frames {
				t.Errorf("frames before it: want %d, got %d", tt.frames, len(got))
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none.pcap"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: got %v", err)
	}
	if _, err := Open(t.TempDir(), Options{}); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("directory: got %v", err)
	}
}

func TestProgress(t *testing.T) {
	data := pack(t, classic(binary.LittleEndian, magicMicro, testFrames(200)), "gzip")
	s := open(t, data)
	if _, err := readAll(s); err != nil {
		t.Fatal(err)
	}
	if done, total := s.Progress(); done != int64(len(data)) || total != done {
		t.Errorf("progress: want %d of it, got %d of %d", len(data), done, total)
	}
}

// TestCancelPipe: a context ends a read that waits for a silent writer.
func TestCancelPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := NewWriter(w, packet.LinkRaw).Flush(); err != nil {
		t.Fatal(err)
	}
	s, err := Open("-", Options{Stdin: r})
	if err != nil {
		t.Fatal(err)
	}
	read := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 20e6)
		defer cancel()
		return s.ReadBatch(ctx, new(capture.Batch))
	}
	for range 2 {
		if err := read(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("want the context's error, got %v", err)
		}
	}
}

func TestAllocs(t *testing.T) {
	for _, file := range [][]byte{
		classic(binary.LittleEndian, magicMicro, testFrames(4000)),
		ngFile(binary.LittleEndian, testFrames(4000)),
	} {
		s := open(t, file)
		b := capture.Batch{Frames: make([]capture.Frame, 8)}
		ctx := context.Background()
		if n := testing.AllocsPerRun(200, func() {
			if err := s.ReadBatch(ctx, &b); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("allocations a batch: want 0, got %v", n)
		}
	}
}

func FuzzRead(f *testing.F) {
	fs := testFrames(3)
	f.Add(classic(binary.LittleEndian, magicMicro, fs))
	f.Add(classic(binary.BigEndian, magicModified, fs))
	f.Add(ngFile(binary.LittleEndian, fs))
	f.Add(ngFile(binary.BigEndian, fs))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Open("-", Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			return
		}
		got, err := readAll(s)
		if err != nil && s.ReadBatch(context.Background(), new(capture.Batch)) == nil {
			t.Error("error is not sticky")
		}
		for _, f := range got {
			if f.WireLen < len(f.Data) || len(f.Data) > MaxFrameBytes {
				t.Errorf("wire length %d, data %d", f.WireLen, len(f.Data))
			}
		}
	})
}

func benchmark(b *testing.B, data []byte) {
	b.ReportAllocs()
	b.SetBytes(512)
	batch := capture.Batch{Frames: make([]capture.Frame, 256)}
	ctx, n := context.Background(), 0
	for n < b.N {
		s, err := Open("-", Options{Stdin: bytes.NewReader(data)})
		if err != nil {
			b.Fatal(err)
		}
		for s.ReadBatch(ctx, &batch) == nil {
			n += batch.N
		}
	}
}

func benchFrames() []capture.Frame {
	fs := make([]capture.Frame, 100_000)
	d := make([]byte, 512)
	for i := range fs {
		fs[i] = capture.Frame{Data: d, WireLen: 512, Time: testTime, Link: packet.LinkEthernet}
	}
	return fs
}

func BenchmarkPcap(b *testing.B) {
	benchmark(b, classic(binary.LittleEndian, magicMicro, benchFrames()))
}

func BenchmarkPcapng(b *testing.B) { benchmark(b, ngFile(binary.LittleEndian, benchFrames())) }
