// Package match finds many byte strings in traffic at once, and one at a time.
//
// It owns literal sets, exact and suffix tables, byte-wise regular expressions
// and prefix tables; it knows nothing of rules. Everything is built once, is
// immutable, and is shared by all workers; scratch memory is the caller's.
package match

// Pattern is one literal of a set.
type Pattern struct {
	Bytes  []byte
	Nocase bool // ASCII case is ignored
	ID     uint32
}
