package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// A segment is a magic of eight bytes and blocks. A block is
//
//	 0               4               8               12
//	+---------------+---------------+---------------+----------------
//	| length        | CRC-32C       | records       | zstd frame ...
//	+---------------+---------------+---------------+----------------
//
// in little-endian order; the length counts the frame, the checksum covers the
// record count and the frame. The frame holds, for each record, its length as
// a uvarint and its bytes.
const (
	segmentMagic = "MWSPOOL1"
	blockHeader  = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Block errors.
var (
	errShort   = errors.New("block is cut short")
	errDamaged = errors.New("block is damaged")
	errFormat  = errors.New("not a segment of this spool's format")
)

// codec packs and unpacks blocks; it belongs to one goroutine at a time.
type codec struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
	raw []byte
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, err
	}
	return &codec{enc: enc, dec: dec}, nil
}

func (c *codec) close() {
	c.dec.Close()
	// An encoder without a writer holds nothing that could fail.
	_ = c.enc.Close()
}

// append packs records behind dst.
func (c *codec) append(dst []byte, records [][]byte) []byte {
	raw := c.raw[:0]
	for _, r := range records {
		raw = binary.AppendUvarint(raw, uint64(len(r)))
		raw = append(raw, r...)
	}
	c.raw = raw
	start := len(dst)
	dst = append(dst, make([]byte, blockHeader)...)
	dst = c.enc.EncodeAll(raw, dst)
	h := dst[start:]
	binary.LittleEndian.PutUint32(h, uint32(len(h)-blockHeader))
	binary.LittleEndian.PutUint32(h[8:], uint32(len(records)))
	binary.LittleEndian.PutUint32(h[4:], crc32.Checksum(h[8:], castagnoli))
	return dst
}

// parse unpacks the block at the start of b. n is its length, also when the
// block is damaged but its length can be believed; n is 0 otherwise.
func (c *codec) parse(b []byte) (records [][]byte, n int, err error) {
	if len(b) < blockHeader {
		return nil, 0, errShort
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxBlock {
		return nil, 0, errDamaged
	}
	if size == 0 {
		return nil, 0, errDamaged // a frame is never empty: zeros of a lost write
	}
	n = blockHeader + int(size)
	if len(b) < n {
		return nil, 0, errShort
	}
	if crc32.Checksum(b[8:n], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
		return nil, n, errDamaged
	}
	count := binary.LittleEndian.Uint32(b[8:])
	c.raw, err = c.dec.DecodeAll(b[blockHeader:n], c.raw[:0])
	if err != nil {
		return nil, n, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if count > maxRecords {
		return nil, n, errDamaged
	}
	records, err = split(c.raw, int(count))
	return records, n, err
}

// intact reports whether b is a block with the right checksum.
func intact(b []byte) bool {
	return len(b) > blockHeader && crc32.Checksum(b[8:], castagnoli) == binary.LittleEndian.Uint32(b[4:])
}

func split(raw []byte, count int) ([][]byte, error) {
	records := make([][]byte, 0, min(count, len(raw)))
	for range count {
		size, k := binary.Uvarint(raw)
		if k <= 0 || size > uint64(len(raw)-k) {
			return nil, errDamaged
		}
		records = append(records, raw[k:k+int(size):k+int(size)])
		raw = raw[k+int(size):]
	}
	if len(raw) != 0 {
		return nil, errDamaged
	}
	return records, nil
}
