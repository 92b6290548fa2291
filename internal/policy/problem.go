package policy

import (
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// Problem is something that Compile has to say of a document.
type Problem struct {
	// Path leads to the place in the document: keys and indexes, such as
	// "rules", 3, "source", 0.
	Path []any
	Msg  string
	Hint string // what to do; may be empty
	// Warning: the policy holds nevertheless.
	Warning bool
}

// Bounds of what is said of one document.
const (
	maxProblems = 1000
	// maxNearest bounds the searches for a name that may have been meant, which
	// look at every name there is.
	maxNearest = 20
)

// problems collects what is to be said.
type problems struct {
	list    []Problem
	dropped int
	nearest int
}

func (p *problems) add(q Problem) {
	if len(p.list) >= maxProblems {
		p.dropped++
		return
	}
	p.list = append(p.list, q)
}

func (p *problems) errorf(path []any, hint, format string, args ...any) {
	p.add(Problem{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint})
}

func (p *problems) warnf(path []any, hint, format string, args ...any) {
	p.add(Problem{Path: path, Msg: fmt.Sprintf(format, args...), Hint: hint, Warning: true})
}

// meant proposes a name; names is asked only when there is one to propose.
func (p *problems) meant(word string, names func() []string) string {
	if p.nearest >= maxNearest {
		return ""
	}
	p.nearest++
	if n := rule.Nearest(word, names()); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return ""
}

// all returns the problems; when some were left out the last one says so.
func (p *problems) all() []Problem {
	if p.dropped > 0 {
		p.list = append(p.list, Problem{Path: []any{}, Msg: fmt.Sprintf("%d more problems are not shown", p.dropped), Hint: "mend these first", Warning: true})
	}
	return p.list
}

// at makes a path.
func at(steps ...any) []any { return steps }

// below makes a path under another, which it does not share memory with.
func below(path []any, steps ...any) []any {
	return append(append(make([]any, 0, len(path)+len(steps)), path...), steps...)
}
