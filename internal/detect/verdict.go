package detect

import (
	"bytes"
	"errors"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// placed is an error with the place in the file that it is about.
type placed struct {
	error
	pos rule.Pos
}

func (p *placed) Unwrap() error { return p.error }

// at places err; nil stays nil.
func at(pos rule.Pos, err error) error {
	if err == nil {
		return nil
	}
	return &placed{err, pos}
}

// read compiles the rule. With an error it returns the option that was being
// read, or nil for the header and for the rule as a whole.
func (b *builder) read() (*rule.Option, error) {
	if o, err := b.requirements(); err != nil {
		return o, err
	}
	if err := b.header(); err != nil {
		return nil, err
	}
	for i := range b.opts {
		b.opt = &b.opts[i]
		if err := b.option(b.opt); err != nil {
			return b.opt, err
		}
	}
	return nil, b.finish()
}

// explain fills in why the rule does not run: the reason without the place,
// which is in Pos, and the hint. o is the option that was being read, or nil.
func (v *Verdict) explain(o *rule.Option, err error) {
	v.State, v.Reason = Refused, err.Error()
	if o != nil {
		v.Pos = o.Pos
	}
	var here *placed
	if errors.As(err, &here) {
		v.Pos = here.pos
	}
	var miss *missing
	var not *unmet
	var ref *refusal
	var val *rule.ValueError
	var header *rule.Error
	switch {
	case errors.As(err, &miss):
		v.State, v.Proto = Inactive, miss.proto
	case errors.As(err, &not):
		v.State = Inactive
	case errors.As(err, &val) && o != nil:
		v.Hint, v.Pos = val.Hint, o.ErrorAt(val).Pos
	case errors.As(err, &header):
		v.Pos, v.Reason, v.Hint = header.Pos, header.Msg, header.Hint
	case errors.As(err, &ref):
		v.Hint = ref.hint
		if ref.pos != nil {
			v.Pos = *ref.pos
		}
	}
}

// protoPos is the place of the header's protocol, and of what follows its
// first skip bytes.
func protoPos(r *rule.Rule, skip int) rule.Pos {
	p := r.Pos
	if r.Src.Root.Pos.Line != p.Line {
		return p // the header goes on in another line
	}
	rest := strings.TrimPrefix(r.Text, r.ActionAs)
	p.Column += len(r.ActionAs) + len(rest) - len(strings.TrimLeft(rest, " \t")) + skip
	return p
}

// arrowPos is the place of the => in the header of r.
func arrowPos(r *rule.Rule) rule.Pos {
	p := r.Pos
	if head, _, ok := strings.Cut(r.Text, "=>"); ok && protoPos(r, 0) != p {
		p.Column += len(head)
	}
	return p
}

// bufferPos is the place of the first word that names buf, or else of the rule.
func (b *builder) bufferPos(buf *buffer) rule.Pos {
	for i := range b.opts {
		if w, ok := b.c.lookup(b.opts[i].Name).(*buffer); ok && w == buf {
			return b.opts[i].Pos
		}
	}
	return b.r.Pos
}

// optionPos is the place of r's first option of that name, or else of r.
func optionPos(r *rule.Rule, name string) rule.Pos {
	for _, o := range r.Options() {
		if o.Name == name {
			return o.Pos
		}
	}
	return r.Pos
}

// contentPos finds the content that o was made of, or else the rule: words are
// options behind it that the complaint may be about instead.
func contentPos(r *rule.Rule, o *op, words ...string) rule.Pos {
	opts := r.Options()
	for i := range opts {
		if !isContent(&opts[i], o) {
			continue
		}
		for _, next := range opts[i+1:] {
			if next.Name == "content" || next.Name == "uricontent" {
				break
			}
			for _, w := range words {
				if next.Name == w {
					return next.Pos
				}
			}
		}
		return opts[i].Pos
	}
	return r.Pos
}

// isContent reports whether opt is the content that o was made of.
func isContent(opt *rule.Option, o *op) bool {
	if opt.Name != "content" && opt.Name != "uricontent" {
		return false
	}
	pat, neg, err := rule.ParseContent(optionText(opt))
	return err == nil && (neg || opt.Neg) == o.has(flagNeg) && bytes.Equal(pat, o.pattern)
}

// elsewherePos finds the word whose buffer or test is in none of the protocols
// and directions that the rule's other words leave.
func (b *builder) elsewherePos() rule.Pos {
	mask := b.s.appMask
	if mask == 0 {
		mask = ^uint64(0)
	}
	for i := range b.opts {
		o := &b.opts[i]
		var has uint64
		switch w := b.c.lookup(o.Name).(type) {
		case *buffer:
			if w.kind != bufTx {
				continue
			}
			has = w.protos(b.s.dirs)
		case []protoKeyword:
			for _, k := range w {
				if k.kw.Dir&b.s.dirs != 0 {
					has |= 1 << k.idx
				}
			}
		default:
			continue
		}
		if mask &= has; mask == 0 {
			return o.Pos
		}
	}
	return b.r.Pos
}
