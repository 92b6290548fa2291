package detect

import (
	"fmt"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// State is what became of a rule.
type State uint8

// States of a rule after Compile.
const (
	// Active: the rule runs.
	Active State = iota
	// Inactive: the rule is right, but needs a protocol that has no parser here,
	// or requires what is not here.
	Inactive
	// Refused: the rule can't be understood, or would not mean what it says.
	Refused
)

// String returns the word used in reports.
func (s State) String() string { return [...]string{"active", "inactive", "refused"}[s] }

// MarshalText writes the word.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Verdict is what became of one rule and why.
type Verdict struct {
	SID    uint32     `json:"sid"`
	GID    uint32     `json:"gid"`
	Rev    uint32     `json:"rev"`
	State  State      `json:"state"`
	Lint   Lint       `json:"lint,omitempty"` // of a warning: its kind
	Pos    rule.Pos   `json:"pos"`
	Reason string     `json:"reason,omitempty"`
	Hint   string     `json:"hint,omitempty"`
	Proto  string     `json:"proto,omitempty"` // of inactive: the protocol that is missing
	Rule   *rule.Rule `json:"-"`               // without its Options
}

// String prints file:line:column: reason.
func (v Verdict) String() string {
	s := fmt.Sprintf("%s: sid %d: %s", v.Pos, v.SID, v.Reason)
	if v.Hint != "" {
		s += " (" + v.Hint + ")"
	}
	return s
}

// Report tells what Compile made of the rules.
type Report struct {
	Rules    int `json:"rules"`
	Active   int `json:"active"`
	Inactive int `json:"inactive"`
	Refused  int `json:"refused"`
	// Verdicts lists each rule in the order of the files.
	Verdicts []Verdict `json:"verdicts"`
	// Warnings are complaints about rules that run nevertheless.
	Warnings []Verdict `json:"warnings,omitempty"`
	// Thresholds are complaints about threshold files. The line of each was left
	// out.
	Thresholds []*rule.Error `json:"-"`
	// Reputation says of lines of reputation lists why they were left out, at
	// most ten, each with file and line; ReputationLines counts all.
	Reputation      []string `json:"-"`
	ReputationLines int      `json:"-"`
}

func (r *Report) add(v Verdict) {
	r.Rules++
	switch v.State {
	case Active:
		r.Active++
	case Inactive:
		r.Inactive++
	default:
		r.Refused++
	}
	r.Verdicts = append(r.Verdicts, v)
}
