package rulesource

import (
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// File is one rules file of a source; Name is a slash-separated path as
// published ("rules/emerging-dns.rules").
type File struct {
	Name string
	Text []byte
}

// Set is the files of one source.
type Set struct {
	Source string
	Files  []File
}

// Counts tells what became of a source's rules, which Apply counts.
type Counts struct {
	Rules    int `json:"rules"`    // in force after the lists; refused ones are among them
	Disabled int `json:"disabled"` // commented out, by the publisher or a list
	ByList   int `json:"disabled_by_list"`
	Enabled  int `json:"enabled_by_list"`
	Modified int `json:"modified"`
	Dropped  int `json:"dropped"`  // turned into drop
	Flowbits int `json:"flowbits"` // kept silent, as others need their flowbits
	Replaced int `json:"replaced"` // another copy of the sid has precedence
}

// Applied is the outcome of Apply.
type Applied struct {
	Sets     []Set
	Counts   map[string]Counts // by source
	Warnings rule.Errors       // modifications that would have left no rule
}

// deleted is the file that suricata-update leaves out as well.
const deleted = "deleted.rules"

// item is one rule on its way through the lists.
type item struct {
	source, file string
	was          *rule.Rule // as published
	now          *rule.Rule
	silent       bool // noalert: only its flowbits are wanted
	copy         bool // another one has precedence
	dropped      bool
}

// Apply changes rules as the lists say, in suricata-update's order: of rules
// with one gid and sid the highest revision stays; disable, enable and drop in
// this order; then modify; then rules that set a flowbit which another one asks
// for are kept, silently. Line numbers stay as published, and so do lines that
// are no rules. Sets are not changed.
func Apply(sets []Set, lists *Lists) *Applied {
	out := &Applied{Counts: map[string]Counts{}}
	var items []*item
	for _, set := range sets {
		c := Counts{}
		for _, f := range set.Files {
			if strings.HasSuffix(f.Name, deleted) {
				continue
			}
			parsed, _ := rule.ParseFile(f.Name, f.Text, rule.KeepDisabled())
			c.Rules += parsed.Refused
			for _, r := range parsed.Rules {
				now := *r
				items = append(items, &item{source: set.Source, file: f.Name, was: r, now: &now})
			}
		}
		out.Counts[set.Source] = c
	}
	dropCopies(items)
	for _, it := range items {
		it.choose(lists)
	}
	for _, m := range lists.Modify {
		for _, it := range items {
			it.modify(m, out)
		}
	}
	keepFlowbits(items)
	changed := map[[2]string][]*item{}
	for _, it := range items {
		it.count(out)
		if format(it.now) != format(it.was) {
			key := [2]string{it.source, it.file}
			changed[key] = append(changed[key], it)
		}
	}
	for _, set := range sets {
		written := Set{Source: set.Source}
		for _, f := range set.Files {
			if !strings.HasSuffix(f.Name, deleted) {
				written.Files = append(written.Files, File{f.Name, rewrite(f.Text, changed[[2]string{set.Source, f.Name}])})
			}
		}
		out.Sets = append(out.Sets, written)
	}
	return out
}

// dropCopies leaves one rule of each gid and sid: the highest revision, of
// equal ones the first that is enabled.
func dropCopies(items []*item) {
	best := map[ruleID]*item{}
	for _, it := range items {
		if it.was.SID == 0 {
			continue // the compiler will say what is missing
		}
		id := idOf(it.was)
		b := best[id]
		if b == nil || it.was.Rev > b.was.Rev || it.was.Rev == b.was.Rev && b.was.Disabled && !it.was.Disabled {
			best[id], b = it, best[id]
			if b == nil {
				continue
			}
			it = b
		}
		it.copy, it.now.Disabled = true, true
	}
}

func (it *item) choose(lists *Lists) {
	if it.copy {
		return
	}
	chosen := func(ms []*Matcher) bool {
		for _, m := range ms {
			if m.Match(it.now, it.file) {
				return true
			}
		}
		return false
	}
	if !it.now.Disabled && chosen(lists.Disable) {
		it.now.Disabled = true
	}
	if it.now.Disabled && chosen(lists.Enable) {
		it.now.Disabled = false
	}
	if chosen(lists.Drop) && !hasOption(it.now, "noalert") {
		action := it.now.ActionAs
		if text, ok := strings.CutPrefix(it.now.Text, action); ok && action != "drop" {
			if r, err := reparse(it.now, "drop"+text); err == nil {
				r.Disabled = it.now.Disabled
				it.now, it.dropped = r, true
			}
		}
	}
}

func (it *item) modify(m *Modifier, out *Applied) {
	if it.copy || !m.Match(it.now, it.file) {
		return
	}
	r, err := m.Change(it.now)
	switch {
	case err != nil:
		err.Pos.File = it.source + "/" + it.file
		err.Pos.Line = it.was.Pos.Line
		err.Msg = "modified into no rule, and left as it was: " + err.Msg
		out.Warnings = append(out.Warnings, err)
	case r != nil:
		it.now = r
	}
}

func (it *item) count(out *Applied) {
	c := out.Counts[it.source]
	switch {
	case it.copy:
		c.Replaced++
	case it.silent:
		c.Flowbits++
	case it.now.Disabled && !it.was.Disabled:
		c.ByList++
	case !it.now.Disabled && it.was.Disabled:
		c.Enabled++
	}
	switch {
	case it.copy:
	case it.dropped:
		c.Dropped++
	case it.now.Text != it.was.Text && !it.silent:
		c.Modified++
	}
	if it.now.Disabled {
		c.Disabled++
	} else {
		c.Rules++
	}
	out.Counts[it.source] = c
}

func hasOption(r *rule.Rule, name string) bool {
	return slices.ContainsFunc(r.Options(), func(o rule.Option) bool { return o.Name == name })
}

// keepFlowbits puts disabled rules back that set a flowbit which an enabled one
// asks for: without them that one would never match. They do not alert.
func keepFlowbits(items []*item) {
	setters := map[string][]*item{}
	var open []*item
	for _, it := range items {
		switch {
		case it.copy:
		case it.now.Disabled:
			for _, bit := range flowbits(it.now, "set", "toggle") {
				setters[bit] = append(setters[bit], it)
			}
		default:
			open = append(open, it)
		}
	}
	for len(open) > 0 && len(setters) > 0 {
		it := open[len(open)-1]
		open = open[:len(open)-1]
		for _, bit := range flowbits(it.now, "isset") {
			for _, s := range setters[bit] {
				if s.now.Disabled && s.silence() {
					open = append(open, s)
				}
			}
			delete(setters, bit)
		}
	}
}

// silence enables a rule without its alerts.
func (it *item) silence() bool {
	text := it.now.Text
	if !hasOption(it.now, "noalert") {
		i := strings.LastIndexByte(text, ')')
		if i < 0 {
			return false
		}
		text = text[:i] + " noalert;" + text[i:]
	}
	r, err := reparse(it.now, text)
	if err != nil {
		return false
	}
	it.now, it.silent = r, true
	return true
}

// flowbits are the names that a rule's flowbits options use with one of the
// words.
func flowbits(r *rule.Rule, words ...string) (out []string) {
	for _, o := range r.Options() {
		if o.Name != "flowbits" {
			continue
		}
		word, names, _ := strings.Cut(o.Value, ",")
		for _, w := range words {
			if strings.TrimSpace(word) != w {
				continue
			}
			for n := range strings.SplitSeq(names, "|") {
				out = append(out, strings.TrimSpace(n))
			}
		}
	}
	return out
}

// rewrite puts changed rules into a file's text, each in its first line; lines
// that continued it become empty.
func rewrite(text []byte, changed []*item) []byte {
	if len(changed) == 0 {
		return text
	}
	lines := strings.SplitAfter(string(text), "\n")
	for _, it := range changed {
		first := it.was.Pos.Line - 1
		more := !it.was.Disabled
		for i := first; more && i < len(lines); i++ {
			more = strings.HasSuffix(strings.TrimRight(lines[i], " \t\r\n"), `\`)
			lines[i] = "\n"
		}
		lines[first] = format(it.now) + "\n"
	}
	return []byte(strings.Join(lines, ""))
}
