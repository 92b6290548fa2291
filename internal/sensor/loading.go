package sensor

import "runtime/debug"

// loadingPercent is how much garbage may wait while rules are compiled, in
// percent of what is in use.
const loadingPercent = 15

// Loading runs load, which compiles rules, so that memory stays low: compiling
// leaves as much garbage as there are rules, and during a reload there are two
// rulesets. The collector works more often meanwhile, which costs about as much
// as compiling does, on the cores that packets leave idle.
func Loading(load func()) {
	defer debug.SetGCPercent(debug.SetGCPercent(loadingPercent))
	load()
}
