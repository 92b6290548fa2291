package bus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Scan calls f with every record of the spool in dir, oldest first, until f
// fails. It needs no lock and changes nothing, so that it may look into the
// spool of a running service: a block that is only half written is not there
// yet, a segment that is removed meanwhile is passed over. damaged counts the
// blocks that can't be read. The memory is f's until it returns.
func Scan(dir string, f func(record []byte) error) (damaged int, err error) {
	segments, err := listSegments(dir)
	if err != nil {
		return 0, fmt.Errorf("spool: %w", err)
	}
	c, err := newCodec()
	if err != nil {
		return 0, err
	}
	defer c.close()
	for i, g := range segments {
		data, err := os.ReadFile(segmentPath(dir, g.id))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return damaged, fmt.Errorf("spool: %w", err)
		}
		last := i == len(segments)-1
		if !strings.HasPrefix(string(data[:min(len(data), len(segmentMagic))]), segmentMagic) {
			if !last {
				damaged++
			}
			continue
		}
		n, err := c.scan(data[len(segmentMagic):], last, f)
		damaged += n
		if err != nil {
			return damaged, err
		}
	}
	return damaged, nil
}

// scan calls f with the records of a segment's blocks; the last segment may end
// in half a block.
func (c *codec) scan(data []byte, last bool, f func([]byte) error) (damaged int, err error) {
	for len(data) > 0 {
		records, n, err := c.parse(data)
		if n == 0 {
			if !last {
				damaged++
			}
			return damaged, nil
		}
		if err != nil {
			damaged++
		}
		for _, r := range records {
			if err := f(r); err != nil {
				return damaged, err
			}
		}
		data = data[n:]
	}
	return damaged, nil
}
