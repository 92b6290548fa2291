package detect

// Stats counts what a Ruleset is made of. The numbers depend on the rules
// alone.
type Stats struct {
	// Packets, Addresses, Transactions and Frames count the active rules by the part of
	// the engine that runs them.
	Packets      int `json:"packets"`
	Addresses    int `json:"addresses"`
	Transactions int `json:"transactions"`
	Frames       int `json:"frames"`
	// Patterns counts the different fast patterns by buffer; PatternBytes
	// are their bytes together.
	Patterns     map[string]int `json:"patterns"`
	PatternBytes int            `json:"pattern_bytes"`
	// Unfiltered counts the rules without a fast pattern that are evaluated for
	// every packet, chunk or transaction of their kind.
	Unfiltered int `json:"unfiltered"`
	// Expressions counts the different regular expressions.
	Expressions int `json:"expressions"`
}

// Stats counts anew at each call.
func (rs *Ruleset) Stats() Stats {
	st := Stats{Patterns: map[string]int{}}
	type pattern struct {
		buf  *buffer
		text string
		fold bool
		kind fastKind
	}
	seen := map[pattern]bool{}
	expressions := map[any]bool{}
	for _, s := range rs.sigs {
		switch s.kind {
		case kindIP:
			st.Addresses++
		case kindTx:
			st.Transactions++
		case kindFrame:
			st.Frames++
		default:
			st.Packets++
		}
		if f := &s.fast; f.buf != nil {
			p := pattern{f.buf, string(f.bytes), f.nocase, f.kind}
			if !seen[p] {
				seen[p] = true
				st.Patterns[f.buf.name]++
				st.PatternBytes += len(f.bytes)
			}
		}
		if s.found().costly() {
			st.Unfiltered++
		}
		for _, g := range s.buffers() {
			for i := range g.ops {
				if re := g.ops[i].re; re != nil {
					expressions[re] = true
				}
			}
		}
	}
	st.Expressions = len(expressions)
	return st
}
