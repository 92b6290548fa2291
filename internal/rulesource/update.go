package rulesource

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Status is what became of one source.
type Status string

// Statuses of a source.
const (
	Updated   Status = "updated"   // its content is new
	Unchanged Status = "unchanged" // its content is the one of before
	Failed    Status = "failed"    // its content of before stays, if there was any
	Kept      Status = "kept"      // it was not asked
)

// Outcome is what an update brings of one source.
type Outcome struct {
	Source string
	Status Status
	Err    error // of Failed
	Counts Counts
	// Added, Removed and Changed compare the rules in force with those of the
	// current generation, by gid and sid.
	Added, Removed, Changed int
}

// Plan is a set that could be put in force.
type Plan struct {
	Sources  []Outcome
	Sets     []Set
	Warnings rule.Errors
	Before   *Manifest // in force now, nil for none
	// New says that the files are not the ones in force.
	New bool

	store *Store
	next  *Manifest
	blobs map[string][]byte
}

// Failed counts the sources that could not be brought up to date.
func (p *Plan) Failed() (n int) {
	for _, o := range p.Sources {
		if o.Status == Failed {
			n++
		}
	}
	return n
}

// Prepare asks the sources (all, or the one named only) and applies lists.
// Sources are Checked. A source that fails keeps its content of before. The
// store is not changed; who calls holds its lock. now is the time that the
// manifest will show.
func Prepare(ctx context.Context, store *Store, sources []Source, only string, lists *Lists, f *Fetcher, now time.Time) (*Plan, error) {
	cur, err := store.Current()
	if err != nil {
		return nil, err
	}
	p := &Plan{Before: cur, store: store, next: &Manifest{Created: now.UTC()}, blobs: map[string][]byte{}}
	if cur != nil {
		p.next.Previous = cur.Generation
	}
	var raw []Set
	for i := range sources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &sources[i]
		files := p.bring(ctx, s, f, only != "" && s.Name != only)
		if files != nil {
			raw = append(raw, Set{s.Name, files})
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	applied := Apply(raw, lists)
	p.Sets, p.Warnings = applied.Sets, applied.Warnings
	for i, set := range p.Sets {
		e := &p.next.Sources[i]
		e.Counts = applied.Counts[set.Source]
		for _, file := range set.Files {
			e.Files = append(e.Files, file.Name)
		}
	}
	p.next.Hash = hashOf(p.Sets)
	p.New = cur == nil || cur.Hash != p.next.Hash
	before, err := store.Sets(cur)
	if err != nil {
		return nil, err
	}
	p.compare(before, applied)
	return p, nil
}

// bring fetches and unpacks one source; its files are nil when there are none.
// An entry of the manifest goes with them.
func (p *Plan) bring(ctx context.Context, s *Source, f *Fetcher, keepIt bool) []File {
	o := Outcome{Source: s.Name, Status: Kept}
	defer func() { p.Sources = append(p.Sources, o) }()
	old := p.Before.Source(s.Name)
	var content []byte
	if old != nil {
		var err error
		if content, err = p.store.content(old); err != nil {
			old = nil // fetched anew
		}
	}
	if !keepIt {
		entry, files, err := p.fetch(ctx, s, f, old, content)
		switch {
		case err != nil:
			o.Status, o.Err = Failed, err
		case old != nil && entry.Blob == old.Blob:
			o.Status = Unchanged
		default:
			o.Status = Updated
		}
		if err == nil {
			p.next.Sources = append(p.next.Sources, *entry)
			return files
		}
	}
	if old == nil {
		return nil
	}
	files, err := Unpack(old.Base, content, f.Limits)
	if err != nil || len(files) == 0 {
		// It was unpacked when it came; only other Limits make a difference.
		o.Status, o.Err = Failed, errors.Join(o.Err, err)
		return nil
	}
	e := *old
	e.Files = nil
	p.next.Sources = append(p.next.Sources, e)
	return files
}

func (p *Plan) fetch(ctx context.Context, s *Source, f *Fetcher, old *Entry, content []byte) (*Entry, []File, error) {
	var last *State
	if old != nil {
		last = &old.State
	}
	got, err := f.Fetch(ctx, s, last, content)
	if err != nil {
		return nil, nil, err
	}
	e := &Entry{Name: s.Name, State: got.State, Checked: p.next.Created, Changed: p.next.Created}
	if got.Unchanged {
		e.Changed = old.Changed
	} else {
		content = got.Content
	}
	files, err := Unpack(e.Base, content, f.Limits)
	if err != nil {
		return nil, nil, err
	}
	n := 0
	for _, file := range files {
		parsed, _ := rule.ParseFile(file.Name, file.Text, rule.KeepDisabled())
		n += len(parsed.Rules)
	}
	if n == 0 {
		return nil, nil, hinted("want a .rules file, or a .tar.gz of them", "no rule in it")
	}
	if !got.Unchanged {
		p.blobs[e.Blob] = content
	}
	return e, files, nil
}

// compare counts how the rules in force differ from those of before.
func (p *Plan) compare(before []Set, applied *Applied) {
	old := map[string]map[ruleID]string{}
	for _, set := range before {
		old[set.Source] = inForce(set)
	}
	now := map[string]map[ruleID]string{}
	for _, set := range p.Sets {
		now[set.Source] = inForce(set)
	}
	for i := range p.Sources {
		o := &p.Sources[i]
		o.Counts = applied.Counts[o.Source]
		for id, text := range now[o.Source] {
			was, ok := old[o.Source][id]
			switch {
			case !ok:
				o.Added++
			case was != text:
				o.Changed++
			}
		}
		for id := range old[o.Source] {
			if _, ok := now[o.Source][id]; !ok {
				o.Removed++
			}
		}
	}
}

func inForce(set Set) map[ruleID]string {
	out := map[ruleID]string{}
	for _, f := range set.Files {
		parsed, _ := rule.ParseFile(f.Name, f.Text)
		for _, r := range parsed.Rules {
			out[idOf(r)] = r.Text
		}
	}
	return out
}

// Commit puts the plan's set in force, or notes that the sources were asked
// when it already is. It returns the manifest in force.
func (p *Plan) Commit(forced bool) (*Manifest, error) {
	for sum, content := range p.blobs {
		if err := p.store.keepBlob(sum, content); err != nil {
			return nil, err
		}
	}
	m := p.next
	if p.New {
		m.Forced = forced
		if err := p.store.add(m, p.Sets); err != nil {
			return nil, err
		}
	} else {
		m.Generation, m.Previous, m.Created, m.Forced = p.Before.Generation, p.Before.Previous, p.Before.Created, p.Before.Forced
		if err := p.store.refresh(m); err != nil {
			return nil, err
		}
	}
	if err := p.store.sweep(m); err != nil {
		return m, fmt.Errorf("rules store: old generations: %w", err)
	}
	return m, nil
}
