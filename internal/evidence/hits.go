package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// File is the JSON beside a capture's packets.
type File struct {
	ID      string    `json:"id"`
	Packets int       `json:"packets"`
	Hits    []FileHit `json:"hits"`
}

// FileHit is a rule that fired on a packet of the capture.
type FileHit struct {
	Time    time.Time     `json:"time"`
	Packet  int           `json:"packet"` // counted from 1
	GID     uint32        `json:"gid"`
	SID     uint32        `json:"sid"`
	Rev     uint32        `json:"rev"`
	Matched []FileMatched `json:"matched"`
}

// FileMatched is what one content or expression of the rule found.
type FileMatched struct {
	Buffer string `json:"buffer"`
	Offset int    `json:"offset"` // in the buffer
	Length int    `json:"length"`
	Bytes  []byte `json:"bytes"` // base64, the first of them
	Text   string `json:"text"`  // the same for people, "." for what has no letter
}

func writeHits(w io.Writer, c *Capture) error {
	f := File{ID: c.ID.String(), Packets: len(c.Frames), Hits: []FileHit{}}
	for _, h := range c.Hits {
		out := FileHit{Time: time.Unix(0, h.Time).UTC(), Packet: h.Packet, GID: h.GID, SID: h.SID, Rev: h.Rev, Matched: []FileMatched{}}
		for _, m := range h.Matched {
			out.Matched = append(out.Matched, FileMatched{Buffer: m.Buffer, Offset: m.Offset, Length: m.Length, Bytes: m.Bytes, Text: printable(m.Bytes)})
		}
		f.Hits = append(f.Hits, out)
	}
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(f)
}

// printable shows bytes as a hex dump's right column does.
func printable(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, latin1(b))
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

// Hits tells which rules a capture is about, and what they found; fs.ErrNotExist
// as Open.
func (r *Reader) Hits(id ID) (*File, error) {
	b, err := os.ReadFile(hitsPath(r.path(id)))
	if err != nil {
		return nil, fmt.Errorf("evidence: %w", err)
	}
	var f File
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, errors.Join(fmt.Errorf("evidence: %s", id), err)
	}
	return &f, nil
}
