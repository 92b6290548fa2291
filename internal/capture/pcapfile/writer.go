package pcapfile

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Writer writes a classic pcap file with nanosecond times, little endian. It
// does not buffer: hand it a bufio.Writer, and flush that. Not for use by
// several goroutines.
type Writer struct {
	w    io.Writer
	buf  []byte
	link packet.LinkType
	unit int64 // nanoseconds a unit of the fraction
	done bool  // the file header is out
}

// NewWriter returns a writer of frames of one link type. The file header goes
// out with the first frame or with Flush, whichever is first.
func NewWriter(w io.Writer, link packet.LinkType) *Writer {
	return &Writer{w: w, link: link, unit: 1}
}

// NewMicroWriter is NewWriter with microsecond times, which every tool reads.
func NewMicroWriter(w io.Writer, link packet.LinkType) *Writer {
	return &Writer{w: w, link: link, unit: 1000}
}

// WriteFrame appends one record; data is not kept. wireLen is the frame's
// length on the wire, at least len(data). Times outside the unsigned 32-bit
// seconds of the format (1970 to 2106) are an error.
func (w *Writer) WriteFrame(timeNS int64, wireLen int, data []byte) error {
	sec, frac := timeNS/1e9, timeNS%1e9/w.unit
	switch {
	case timeNS < 0 || sec > 1<<32-1:
		return fmt.Errorf("pcap: time %d ns: out of range", timeNS)
	case len(data) > MaxFrameBytes:
		return fmt.Errorf("pcap: frame: want at most %d bytes, got %d", MaxFrameBytes, len(data))
	}
	b := w.header(w.buf[:0])
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(sec))
	b = le.AppendUint32(b, uint32(frac))
	b = le.AppendUint32(b, uint32(len(data)))
	b = le.AppendUint32(b, uint32(max(wireLen, len(data))))
	w.buf = append(b, data...)
	return w.flush()
}

// Flush writes the file header if no frame has done so: an empty capture is a
// valid file.
func (w *Writer) Flush() error {
	w.buf = w.header(w.buf[:0])
	return w.flush()
}

func (w *Writer) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	if _, err := w.w.Write(w.buf); err != nil {
		return fmt.Errorf("pcap: write: %w", err)
	}
	w.done = true
	return nil
}

// header appends the file header when it is still to be written.
func (w *Writer) header(b []byte) []byte {
	if w.done {
		return b
	}
	magic := uint32(magicNano)
	if w.unit == 1000 {
		magic = magicMicro
	}
	le := binary.LittleEndian
	b = le.AppendUint32(b, magic)
	b = le.AppendUint16(b, 2)
	b = le.AppendUint16(b, 4)
	b = append(b, make([]byte, 8)...)
	b = le.AppendUint32(b, MaxFrameBytes)
	return le.AppendUint32(b, uint32(w.link))
}
