// Package tags keeps the tags that addresses carry for a while: what a client of
// the XML API registers, for dynamic address groups (PAN-OS: registered IP
// addresses).
package tags

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Bounds of a registry.
const (
	MaxAddresses = 10_000
	MaxTags      = 64 // of one address
	maxTag       = 127
)

// Error says why a tag can't be registered.
type Error struct{ Msg string }

func (e *Error) Error() string { return e.Msg }

// Registry keeps tags in a file. All methods may be called from several
// goroutines.
type Registry struct {
	path    string
	now     func() time.Time
	publish func(map[string][]string) error

	mu      sync.Mutex
	all     map[netip.Addr]map[string]time.Time // when it ends; zero: never
	pending bool                                // publish has not taken the last state
}

// Open reads the registry's file, which need not be there yet. publish is given
// the tags of each address whenever they change; what it refuses it is given
// again by Sweep.
func Open(path string, now func() time.Time, publish func(map[string][]string) error) (*Registry, error) {
	r := &Registry{path: path, now: now, publish: publish, all: map[netip.Addr]map[string]time.Time{}, pending: true}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r.all)
	}
	if err != nil {
		return nil, fmt.Errorf("registered tags: %w", err)
	}
	return r, nil
}

// Change is one tag of one address.
type Change struct {
	Address netip.Addr
	Tag     string
	For     time.Duration // 0: until it is removed
	Remove  bool
}

// Apply makes changes, all or none, and keeps them. An *Error says which can't be.
func (r *Registry) Apply(changes []Change) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := map[netip.Addr]map[string]time.Time{}
	for a, tags := range r.all {
		next[a] = maps.Clone(tags)
	}
	now := r.now()
	for _, c := range changes {
		a := c.Address.Unmap()
		switch {
		case !a.IsValid() || a.Zone() != "":
			return &Error{"want an address"}
		case c.Tag == "" || len(c.Tag) > maxTag || strings.ContainsFunc(c.Tag, func(x rune) bool { return x < ' ' || x == '\'' || x == '"' }):
			return &Error{fmt.Sprintf("a tag has 1 to %d characters and no quotes", maxTag)}
		case c.Remove:
			delete(next[a], c.Tag)
			if len(next[a]) == 0 {
				delete(next, a)
			}
			continue
		}
		if next[a] == nil {
			next[a] = map[string]time.Time{}
		}
		end := time.Time{}
		if c.For > 0 {
			end = now.Add(c.For)
		}
		if next[a][c.Tag] = end; len(next) > MaxAddresses || len(next[a]) > MaxTags {
			return &Error{fmt.Sprintf("at most %d addresses carry tags, %d each", MaxAddresses, MaxTags)}
		}
	}
	return r.keep(next)
}

// Sweep takes away what has come to its end, and publishes what was not taken.
func (r *Registry) Sweep() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, gone := r.now(), false
	next := map[netip.Addr]map[string]time.Time{}
	for a, tags := range r.all {
		for tag, end := range tags {
			if !end.IsZero() && !now.Before(end) {
				gone = true
				continue
			}
			if next[a] == nil {
				next[a] = map[string]time.Time{}
			}
			next[a][tag] = end
		}
	}
	if gone {
		return r.keep(next)
	}
	return r.tell()
}

// keep writes the next state, and publishes it; the caller holds mu.
func (r *Registry) keep(next map[netip.Addr]map[string]time.Time) error {
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path+".new", text, 0o600); err != nil {
		return fmt.Errorf("registered tags: %w", err)
	}
	if err := os.Rename(r.path+".new", r.path); err != nil {
		return fmt.Errorf("registered tags: %w", err)
	}
	r.all, r.pending = next, true
	return r.tell()
}

func (r *Registry) tell() error {
	if !r.pending || r.publish == nil {
		return nil
	}
	err := r.publish(r.texts())
	r.pending = err != nil
	return err
}

func (r *Registry) texts() map[string][]string {
	out := map[string][]string{}
	for a, tags := range r.all {
		out[a.String()] = slices.Sorted(maps.Keys(tags))
	}
	return out
}

// Tags are those of each address, sorted.
func (r *Registry) Tags() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.texts()
}
