// Package doctest holds the tests that read the documentation: links resolve,
// snippets load, every key, field, flag and cause of loss is described.
//
// It owns no code. What can be generated is written by
//
//	go test ./internal/base/doctest -update
//
// and compared otherwise.
package doctest
