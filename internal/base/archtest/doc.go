// Package archtest holds the tests that read the whole repository's sources:
// the import order of DESIGN §2 and the rules of the house (STYLE).
//
// It owns no code. Each rule is proved by a planted violation in testdata.
package archtest
