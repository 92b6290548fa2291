// Package policy judges flows by the owner's rules: zones, address objects,
// applications, services and profiles in, a rule's name and a verdict out.
//
// The model and its semantics are PAN-OS's: the first rule that fits wins, the
// defaults come last, and profiles speak for allowed flows only. A verdict says
// what an inline firewall would have done; nothing here does it.
package policy
