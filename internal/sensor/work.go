package sensor

// RuleWork tells what the rules have cost so far, without a clock: candidates
// that prefilters found plus evaluations, and evaluations that ran into the
// bound of steps.
func (w *Worker) RuleWork() (work, limited uint64) {
	n := w.detection()
	return n.Candidates + n.Evaluated, n.EvalLimit
}
