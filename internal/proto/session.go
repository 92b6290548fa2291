package proto

// Session is one flow's application layer: it finds the protocol, buffers what
// the parser has not used, and calls the parser. The sensor keeps it in
// flow.Flow.App.
//
// Fields are read by detection and logging; only the Session writes them.
type Session struct {
	// Proto is the protocol found, nil before that and when none was.
	Proto *Descriptor
	// Index is Proto's place in the Registry, -1 without one.
	Index int
	// Parser is nil before a protocol is found.
	Parser Parser
	// Failed: no protocol was recognised in this direction.
	Failed [2]bool
	// Original is the protocol before an upgrade, nil without one.
	Original *Descriptor
	// Encrypted: payload is ciphertext from here on.
	Encrypted bool

	s sessionState
}

// Txs returns the live transactions, oldest first; nil without a parser.
func (s *Session) Txs() []Tx {
	if s == nil || s.Parser == nil {
		return nil
	}
	return s.Parser.Txs()
}
