package evidence

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// pcapHeader is the length of a pcap file's head.
const pcapHeader = 24

// Joiner writes several captures as one pcap file, one after another.
type Joiner struct {
	r     *Reader
	w     io.Writer
	head  []byte // of the first; nil: none was written
	Added int    // captures written
	// Missing are captures that are gone, Other those of another link type than
	// the first's, which one pcap file can't hold.
	Missing, Other int
}

// Join begins a file; it has no bytes before the first capture.
func (r *Reader) Join(w io.Writer) *Joiner { return &Joiner{r: r, w: w} }

// Add writes a capture's packets. Its errors leave half a file behind.
func (j *Joiner) Add(id ID) error {
	f, err := j.r.Open(id)
	if errors.Is(err, fs.ErrNotExist) {
		j.Missing++
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // only read
	head := make([]byte, pcapHeader)
	if _, err := io.ReadFull(f, head); err != nil {
		return fmt.Errorf("evidence: %s: %w", id, err)
	}
	switch {
	case j.head == nil:
		if _, err := j.w.Write(head); err != nil {
			return err
		}
		j.head = head
	case !bytes.Equal(j.head, head):
		j.Other++
		return nil
	}
	if _, err := io.Copy(j.w, f); err != nil {
		return err
	}
	j.Added++
	return nil
}
