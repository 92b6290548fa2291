package rulesource

import "fmt"

// Measure is what a set does on a fixed sample of traffic.
type Measure struct {
	Rules    int `json:"rules"` // in force, refused ones included
	Active   int `json:"active"`
	Inactive int `json:"inactive"`
	Refused  int `json:"refused"`
	// Work counts candidate rules and their evaluations: no wall clock, so
	// that the same set has the same measure everywhere.
	Work uint64 `json:"work"`
	// Limited counts evaluations that ran into the engine's bound of steps.
	Limited uint64 `json:"limited"`
}

// Bounds of the gate.
const (
	mostRefused = 20 // one of so many rules may be refused
	leastActive = 2  // one of so many active rules of before must stay
	mostWork    = 2  // so many times the work of before
	freeWork    = 10 // as much work for each frame of the sample never refuses
)

// Judge says why a measured set should not be put in force, nothing when it
// may be. before is the measure of the set in force, nil for none; frames is
// the length of the sample.
func Judge(before *Measure, next Measure, frames int) []string {
	var out []string
	refuse := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if next.Active == 0 {
		refuse("no rule would be active")
	}
	if next.Refused*mostRefused > next.Rules {
		refuse("%d of %d rules are refused, more than %d %%", next.Refused, next.Rules, 100/mostRefused)
	}
	if before == nil {
		return out
	}
	if next.Active > 0 && next.Active*leastActive < before.Active {
		refuse("%d rules would be active, less than half of the %d of now", next.Active, before.Active)
	}
	if next.Work > mostWork*before.Work && next.Work > freeWork*uint64(frames) {
		refuse("the sample traffic would cost %d steps, more than twice the %d of now", next.Work, before.Work)
	}
	if next.Limited > before.Limited {
		refuse("%d evaluations of the sample traffic would be given up, now %d", next.Limited, before.Limited)
	}
	return out
}
