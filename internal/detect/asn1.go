package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// asn1Op is the asn1 keyword: which malformed BER elements to look for.
type asn1Op struct {
	bitstring, double bool
	oversize          uint64 // 0: not asked for
	offset            int
}

// maxASN1Elements bounds the elements that one test walks through.
const maxASN1Elements = 256

func parseASN1(b *builder, opt *rule.Option) error {
	n := op{kind: opASN1, x: &opExtra{}}
	a := &n.x.asn1
	words := strings.FieldsFunc(opt.Value, func(r rune) bool { return r == ',' || r == ' ' })
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "bitstring_overflow":
			a.bitstring = true
			continue
		case "double_overflow":
			a.double = true
			continue
		}
		if i+1 == len(words) {
			return refuse(fmt.Sprintf("bad option %q", words[i]), "")
		}
		v, err := strconv.ParseInt(words[i+1], 10, 32)
		switch {
		case err != nil:
			return refuse(fmt.Sprintf("want a number, got %q", words[i+1]), "")
		case words[i] == "oversize_length" && v > 0:
			a.oversize = uint64(v)
		case words[i] == "absolute_offset" && v >= 0:
			a.offset = int(v)
		case words[i] == "relative_offset":
			a.offset = int(v)
			n.flags |= flagRelative
		default:
			return refuse(fmt.Sprintf("bad option %q", words[i]), "")
		}
		i++
	}
	if !a.bitstring && !a.double && a.oversize == 0 {
		return refuse("want bitstring_overflow, double_overflow or oversize_length", "")
	}
	return b.addOp(n)
}

// asn1 walks the BER elements in the order they are written, going into
// constructed ones by going on behind their header.
func (c *ctx) asn1(o *op, pos int) outcome {
	a := &o.x.asn1
	at := a.offset
	if o.has(flagRelative) {
		at += pos
	}
	if at < 0 || at >= len(c.buf) {
		return c.failed(o)
	}
	b := c.buf[at:]
	for range maxASN1Elements {
		tag, n, rest, ok := berHeader(b)
		c.re.Work += 1 + uint64(len(b)-len(rest)) // a tag may be as long as the buffer
		if !ok {
			break
		}
		if a.matches(tag, n, rest) {
			return hit
		}
		if tag&0x20 == 0 { // primitive: skip the contents
			if n > uint64(len(rest)) {
				break
			}
			rest = rest[n:]
		}
		b = rest
	}
	return c.failed(o)
}

// matches checks one element: n is the length it claims, b what is there.
func (a *asn1Op) matches(tag byte, n uint64, b []byte) bool {
	if a.oversize > 0 && n > a.oversize {
		return true
	}
	if n == 0 || len(b) == 0 {
		return false
	}
	switch tag {
	case 0x03: // BIT STRING: more unused bits than there are bits
		return a.bitstring && uint64(b[0]) > (n-1)*8
	case 0x09: // REAL in decimal form, longer than any number
		return a.double && b[0]&0xc0 == 0 && n > 256
	}
	return false
}

// berHeader reads identifier and length octets (X.690 §8.1). Long tags keep the
// first octet only; an indefinite length reads as 0.
func berHeader(b []byte) (tag byte, n uint64, rest []byte, ok bool) {
	if len(b) < 2 {
		return 0, 0, nil, false
	}
	tag, b = b[0], b[1:]
	if tag&0x1f == 0x1f {
		for len(b) > 0 && b[0]&0x80 != 0 {
			b = b[1:]
		}
		if len(b) < 2 {
			return 0, 0, nil, false
		}
		b = b[1:]
	}
	l := b[0]
	b = b[1:]
	if l < 0x80 {
		return tag, uint64(l), b, true
	}
	k := int(l & 0x7f)
	if k > len(b) {
		return 0, 0, nil, false
	}
	for _, c := range b[:k] {
		if n > math.MaxUint64>>8 {
			return 0, 0, nil, false
		}
		n = n<<8 | uint64(c)
	}
	return tag, n, b[k:], true
}
