package detect

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/match"
	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// Bounds of reputation lists; Suricata's.
const (
	maxReputation = 127
	maxCategories = 60
)

// Reputation is what lists say of addresses, for the keyword iprep: a number
// from 0 to 127 in each of up to 60 categories. Immutable when it is compiled
// with; shared by all workers.
type Reputation struct {
	// Skipped are lines of lists that could not be read, at most ten, each with
	// its place; SkippedLines counts all.
	Skipped      []string
	SkippedLines int

	names map[string]uint8
	hosts map[packet.Addr]*[maxCategories]uint8
	nets  [maxCategories]*match.Prefixes[uint8]
	sum   []byte
}

// NewReputation reads the categories, one "number,short name,description" a
// line; '#' starts a comment. A wrong line is an error with its number.
func NewReputation(categories []byte) (*Reputation, error) {
	r := &Reputation{names: map[string]uint8{}, hosts: map[packet.Addr]*[maxCategories]uint8{}}
	n := 0
	for raw := range bytes.Lines(categories) {
		n++
		line, _, _ := strings.Cut(string(raw), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		f := strings.SplitN(line, ",", 3)
		id, err := strconv.ParseUint(strings.TrimSpace(f[0]), 10, 8)
		if err != nil || id == 0 || id >= maxCategories || len(f) < 2 || strings.TrimSpace(f[1]) == "" {
			return nil, fmt.Errorf("line %d: want number,name,description with a number from 1 to %d, got %q", n, maxCategories-1, strings.TrimSpace(line))
		}
		r.names[strings.TrimSpace(f[1])] = uint8(id)
	}
	r.add(categories)
	return r, nil
}

func (r *Reputation) add(text []byte) {
	h := sha256.Sum256(text)
	r.sum = append(r.sum, h[:]...)
}

// Add reads a list, one "address or network,category,value" a line. Lines that
// are wrong are left out and noted; file stands before them.
func (r *Reputation) Add(file string, text []byte) {
	n := 0
	for raw := range bytes.Lines(text) {
		n++
		line, _, _ := strings.Cut(string(raw), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := r.addLine(line); err != nil {
			if r.SkippedLines++; len(r.Skipped) < 10 {
				r.Skipped = append(r.Skipped, fmt.Sprintf("%s:%d: %v", file, n, err))
			}
		}
	}
	r.add(text)
}

func (r *Reputation) addLine(line string) error {
	f := strings.Split(line, ",")
	if len(f) != 3 {
		return fmt.Errorf("want address,category,value, got %q", line)
	}
	cat, err := strconv.ParseUint(strings.TrimSpace(f[1]), 10, 8)
	if err != nil || cat == 0 || cat >= maxCategories {
		return fmt.Errorf("want a category from 1 to %d, got %q", maxCategories-1, f[1])
	}
	value, err := strconv.ParseUint(strings.TrimSpace(f[2]), 10, 8)
	if err != nil || value > maxReputation {
		return fmt.Errorf("want a value from 0 to %d, got %q", maxReputation, f[2])
	}
	where := strings.TrimSpace(f[0])
	if a, err := netip.ParseAddr(where); err == nil {
		key := packet.Addr(a.As16())
		if r.hosts[key] == nil {
			r.hosts[key] = &[maxCategories]uint8{}
		}
		r.hosts[key][cat] = uint8(value)
		return nil
	}
	p, err := netip.ParsePrefix(where)
	if err != nil {
		return fmt.Errorf("want an address or network, got %q", where)
	}
	if r.nets[cat] == nil {
		r.nets[cat] = &match.Prefixes[uint8]{}
	}
	r.nets[cat].Insert(p, uint8(value))
	return nil
}

// of returns the value of an address in a category. An address that is listed
// by itself has the value 0 where no list names a category for it, and its
// network is not asked, as in Suricata.
func (r *Reputation) of(a packet.Addr, cat uint8) (value uint8, known bool) {
	if h := r.hosts[a]; h != nil {
		return h[cat], true
	}
	if t := r.nets[cat]; t != nil {
		return t.Lookup(a)
	}
	return 0, false
}
