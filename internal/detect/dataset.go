package detect

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of a data set (datasets.defaults and datasets.limits of Suricata).
const (
	setMemcap   = 100 << 20 // bytes that one may hold, when the rule says nothing
	setHashSize = 4096
	maxHashSize = 65536
	setBucket   = 64 // bytes that Suricata counts for each bucket of hashsize
	setEntry    = 64 // bytes counted for an entry besides its value
)

// Datasets are the sets of values that rules look things up in and add to
// (Suricata's dataset and datarep). They are named, shared by all workers and
// tenants, and outlive a reload of the rules. All methods may be called from
// any goroutine.
type Datasets struct {
	mu   sync.Mutex
	sets map[string]*dataset
	used map[string]bool // asked for since the last Retain
}

// NewDatasets makes an empty collection.
func NewDatasets() *Datasets {
	return &Datasets{sets: map[string]*dataset{}, used: map[string]bool{}}
}

// Retain forgets the sets that no Compile has asked for since the last Retain.
// It is called when a new generation of rules is in force.
func (ds *Datasets) Retain() {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	for name := range ds.sets {
		if !ds.used[name] {
			delete(ds.sets, name)
		}
	}
	clear(ds.used)
}

// Save hands each set that has a file (save, state) to write, with the file's
// name as the rule has it and the set's content in Suricata's format, sorted.
// The text belongs to write.
func (ds *Datasets) Save(write func(name string, text []byte) error) error {
	var errs []error
	for _, s := range ds.kept() {
		if err := write(s.def.saveTo(), s.text()); err != nil {
			errs = append(errs, fmt.Errorf("dataset %s: %w", s.def.name, err))
		}
	}
	return errors.Join(errs...)
}

// Kept names the sets that have a file (save, state), sorted.
func (ds *Datasets) Kept() []string {
	var names []string
	for _, s := range ds.kept() {
		names = append(names, s.def.name)
	}
	return names
}

func (ds *Datasets) kept() []*dataset {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	var list []*dataset
	for _, s := range ds.sets {
		if s.def.saveTo() != "" {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, func(a, b *dataset) int { return strings.Compare(a.def.name, b.def.name) })
	return list
}

// setDef is how rules describe a set. The first rule that names it decides.
type setDef struct {
	name              string
	typ               setType
	load, save, state string
	memcap            uint64
}

// saveTo is the file that keeps the set, or "".
func (d *setDef) saveTo() string {
	if d.state != "" {
		return d.state
	}
	return d.save
}

// loadFrom is the file that fills the set, or "".
func (d *setDef) loadFrom() string {
	if d.state != "" {
		return d.state
	}
	return d.load
}

// dataset is one set. Readers and writers lock a shard.
type dataset struct {
	def   setDef
	sum   [sha256.Size]byte // of the text that was loaded
	rep   bool              // the file has a number behind each value
	seed  maphash.Seed
	bytes atomic.Int64
	shard [shards]setShard
}

type setShard struct {
	mu     sync.RWMutex
	values map[string]uint16 // with a datarep's number
}

func newDataset(def *setDef) *dataset {
	s := &dataset{def: *def, seed: maphash.MakeSeed()}
	for i := range s.shard {
		s.shard[i].values = map[string]uint16{}
	}
	return s
}

func (s *dataset) of(v []byte) *setShard { return &s.shard[maphash.Bytes(s.seed, v)&(shards-1)] }

// lookup returns the number of v; ok is false when v isn't in the set.
func (s *dataset) lookup(v []byte) (rep uint16, ok bool) {
	sh := s.of(v)
	sh.mu.RLock()
	rep, ok = sh.values[string(v)]
	sh.mu.RUnlock()
	return rep, ok
}

// add puts v into the set. fresh is false when it was there, or when there is
// no room; full tells these apart.
func (s *dataset) add(v []byte, rep uint16) (fresh, full bool) {
	sh := s.of(v)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.values[string(v)]; ok {
		return false, false
	}
	size := int64(len(v) + setEntry)
	if s.bytes.Add(size) > int64(s.def.memcap) {
		s.bytes.Add(-size)
		return false, true
	}
	sh.values[string(v)] = rep
	return true, false
}

// remove takes v out of the set and reports whether it was there.
func (s *dataset) remove(v []byte) bool {
	sh := s.of(v)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, ok := sh.values[string(v)]; !ok {
		return false
	}
	delete(sh.values, string(v))
	s.bytes.Add(-int64(len(v) + setEntry))
	return true
}

// text prints the set in the format of its files.
func (s *dataset) text() []byte {
	var lines []string
	for i := range s.shard {
		sh := &s.shard[i]
		sh.mu.RLock()
		for v, rep := range sh.values {
			line := string(s.def.typ.append(nil, []byte(v)))
			if s.rep {
				line = fmt.Sprintf("%s,%d", line, rep)
			}
			lines = append(lines, line)
		}
		sh.mu.RUnlock()
	}
	slices.Sort(lines)
	var out bytes.Buffer
	for _, l := range lines {
		out.WriteString(l)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

// fill reads the lines of a file: a value, or all with a number behind a comma.
// Every line must be right.
func (s *dataset) fill(text []byte) error {
	n, filled := 0, false
	for raw := range bytes.Lines(text) {
		n++
		line := strings.TrimSpace(string(raw))
		if line == "" {
			continue
		}
		v, rep, numbered, err := s.def.typ.line(line)
		if err == nil && filled && numbered != s.rep {
			err = errors.New("some lines have a number behind the value, some have none")
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		s.rep, filled = numbered, true
		if _, full := s.add(v, rep); full {
			return fmt.Errorf("line %d: more than its memcap of %d bytes", n, s.def.memcap)
		}
	}
	return nil
}

// get returns the set that def describes: the one there is when it was made
// alike, filled from text, else a new one.
func (ds *Datasets) get(def *setDef, text []byte) (*dataset, error) {
	sum := sha256.Sum256(text)
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.used[def.name] = true
	if old := ds.sets[def.name]; old != nil && old.def == *def && (def.state != "" || old.sum == sum) {
		return old, nil
	}
	s := newDataset(def)
	s.sum = sum
	if err := s.fill(text); err != nil {
		return nil, err
	}
	ds.sets[def.name] = s
	return s, nil
}
