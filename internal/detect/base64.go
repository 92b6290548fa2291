package detect

import (
	"fmt"
	"math"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// base64Op is base64_decode: how many encoded bytes, from where.
type base64Op struct {
	n      int32 // encoded bytes, 0 for all
	offset int32
}

// maxBase64 bounds what base64_decode leaves.
const maxBase64 = 64 << 10

func parseBase64Decode(b *builder, opt *rule.Option) error {
	n := op{kind: opBase64, x: &opExtra{}}
	if opt.HasVal {
		for _, a := range splitArgs(opt.Value) {
			word, arg, _ := strings.Cut(a, " ")
			if word == "relative" {
				n.flags |= flagRelative
				continue
			}
			v, err := parseUint(arg)
			if err != nil || v > math.MaxInt32 {
				return refuse(fmt.Sprintf("want bytes n, offset n, relative, got %q", a), "")
			}
			switch word {
			case "bytes":
				n.x.b64.n = int32(v)
			case "offset":
				n.x.b64.offset = int32(v)
			default:
				return refuse(fmt.Sprintf("want bytes n, offset n, relative, got %q", a), "")
			}
		}
	}
	return b.addOp(n)
}

// base64Value maps an encoded byte, or returns 0xff.
func base64Value(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c - 'A'
	case c >= 'a' && c <= 'z':
		return c - 'a' + 26
	case c >= '0' && c <= '9':
		return c - '0' + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return 0xff
}

// base64Mode says what a decoder does with bytes outside the alphabet.
type base64Mode uint8

const (
	base64Loose   base64Mode = iota // RFC 2045: skip them
	base64Strict                    // any makes it fail
	base64RFC4648                   // stop there
)

// appendBase64 decodes src as far as mode allows. ok is false in strict mode
// when something is wrong with it.
func appendBase64(dst, src []byte, mode base64Mode) (out []byte, ok bool) {
	var acc uint32
	n, pad := 0, 0
	for _, c := range src {
		v := base64Value(c)
		if v == 0xff {
			if c == '=' {
				pad++
				if n+pad >= 4 {
					break
				}
				continue
			}
			if mode == base64Strict {
				return dst, false
			}
			if mode == base64RFC4648 {
				break
			}
			continue
		}
		if pad > 0 {
			if mode == base64Strict {
				return dst, false
			}
			break
		}
		acc = acc<<6 | uint32(v)
		if n++; n == 4 {
			dst = append(dst, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, n = 0, 0
		}
	}
	switch n {
	case 2:
		dst = append(dst, byte(acc>>4))
	case 3:
		dst = append(dst, byte(acc>>10), byte(acc>>2))
	}
	return dst, mode != base64Strict || n == 0 || n+pad == 4
}
