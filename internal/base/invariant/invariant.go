// Package invariant holds the checks that test builds pay for and others don't.
//
// Under the build tag "invariants" Enabled is true: lenders of borrowed memory
// give a copy and Scribble over it when the call returns, so that who keeps a
// slice is caught. It owns no state and never checks anything by itself.
package invariant

// Scribble overwrites b so that whoever kept it reads nonsense. Callers guard
// it with Enabled; test kits call it always.
func Scribble(b []byte) {
	for i := range b {
		b[i] = 0xdb ^ byte(i)
	}
}
