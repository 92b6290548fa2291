package detect

// reachOf bounds where the contents of a payload end.
type reachOf struct {
	end   int  // of the last test that moves the position, at most
	known bool // there is such a bound
}

// next returns the greatest offset at which o may end, 0 for anywhere: by its
// depth, or by its within behind a test with a bound of its own.
func (r *reachOf) next(o *op) int {
	if !o.moves() {
		return 0
	}
	switch {
	case o.kind != opContent || o.variable():
		r.known = false
	case o.flags&flagAnyRelative != 0:
		r.known = r.known && o.has(flagWithin)
		r.end += int(o.within.n)
		if o.has(flagDistance) {
			r.end += int(o.distance.n)
		}
	default:
		r.known = o.has(flagDepth)
		r.end = int(o.depth.n)
		if o.has(flagOffset) {
			r.end += int(o.offset.n)
		}
	}
	if !r.known || r.end <= 0 {
		return 0
	}
	return r.end
}

// Bounds of what counts as a rare content near the start.
const (
	minHead = 4 // bytes
	// maxHeadShare is how many rules may ask for the same content. What many
	// rules begin with is the beginning of a protocol's messages: it is found in
	// each of them, and names no rule.
	maxHeadShare = 4
)

// headContents counts the rules that have a content near the start of a
// payload, by its bytes.
type headContents map[string]int

// countHeads looks at the rules on packets and streams.
func countHeads(sigs []*Signature) headContents {
	heads := headContents{}
	for _, s := range sigs {
		if s.kind != kindPacket {
			continue
		}
		var reach reachOf
		for i := range s.payload {
			o := &s.payload[i]
			if end := reach.next(o); end > 0 && end <= headBytes && o.kind == opContent {
				heads[headKey(o)]++
			}
		}
	}
	return heads
}

func headKey(o *op) string { return string(o.fast()) }

// rare reports a content near the start that few rules ask for.
func (h headContents) rare(o *op, end int) bool {
	return end > 0 && end <= headBytes && len(o.fast()) >= minHead && h[headKey(o)] <= maxHeadShare
}

// fast is the part of a content that the prefilter may look for.
func (o *op) fast() []byte {
	if o.fpLen > 0 {
		return o.pattern[o.fpOff : o.fpOff+o.fpLen]
	}
	return o.pattern
}
