package detect

import "github.com/mirrorwall/mirrorwall/internal/match"

// opKind is a test inside a buffer.
type opKind uint8

const (
	opContent opKind = iota
	opPCRE
	opIsDataAt
	opByteTest
	opByteJump
	opByteExtract
	opByteMath
	opSize
	opAbsent
	opBase64
	opEntropy
	opASN1
	opDataset
)

// opFlags say which modifiers an op has.
type opFlags uint16

const (
	flagNeg opFlags = 1 << iota
	flagNocase
	flagDepth
	flagOffset
	flagDistance
	flagWithin
	flagStarts
	flagEnds
	flagRelative // pcre /R, isdataat and the byte keywords: relative
	flagFastPattern
	flagFastPatternOnly
	flagAbsentOr // absent: or_else
)

// position reports a test that starts where the one before it ended.
const flagAnyRelative = flagDistance | flagWithin | flagRelative

// amount is a number in a rule, or a byte_extract variable.
type amount struct {
	n   int32
	ref int8 // variable index + 1, 0 for a number
}

// op is one test of a buffer's program, laid out for the inner loop.
type op struct {
	kind  opKind
	flags opFlags
	// retry: what follows is relative to this match, so later occurrences have
	// to be tried.
	retry bool
	// final: when it fails, no other place of the tests before can help.
	final            bool
	offset, depth    amount
	distance, within amount
	lit              *match.Literal
	re               *match.Regexp
	x                *opExtra // nil for contents, and for expressions that keep nothing
	pattern          []byte   // of a content
	fpOff, fpLen     int      // fast_pattern:off,len
}

func (o *op) has(f opFlags) bool { return o.flags&f != 0 }

// opExtra holds the parts that contents do without.
type opExtra struct {
	bytes byteOp
	size  sizeTest
	at    amount // isdataat
	b64   base64Op
	ent   entropyOp
	asn1  asn1Op
	caps  []groupVar // pcre
	set   setOp      // dataset, datarep
}
