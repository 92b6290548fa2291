package detect

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// transform changes a buffer before its tests. apply appends the result to dst,
// which never overlaps src; ok is false when there is no result, as if the
// buffer weren't there. It keeps no state but c's scratch.
type transform struct {
	name  string // with its value, so that equal ones share their result
	apply func(c *ctx, dst, src []byte) (out []byte, ok bool)
}

// maxInflate bounds what a decompressing transform makes.
const maxInflate = 64 << 10

func transformKeywords() []keyword {
	plain := func(name string, f func(dst, src []byte) []byte) keyword {
		t := transform{name: name, apply: func(_ *ctx, dst, src []byte) ([]byte, bool) {
			return f(dst, src), true
		}}
		return keyword{name: name, arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			return b.addTransform(t)
		}}
	}
	return []keyword{
		plain("dotprefix", func(dst, src []byte) []byte { return append(append(dst, '.'), src...) }),
		plain("to_lowercase", appendLower),
		plain("to_uppercase", func(dst, src []byte) []byte {
			return appendMapped(dst, src, func(c byte) byte {
				if c >= 'a' && c <= 'z' {
					return c - 32
				}
				return c
			})
		}),
		plain("to_md5", func(dst, src []byte) []byte { h := md5.Sum(src); return append(dst, h[:]...) }),
		plain("to_sha1", func(dst, src []byte) []byte { h := sha1.Sum(src); return append(dst, h[:]...) }),
		plain("to_sha256", func(dst, src []byte) []byte { h := sha256.Sum256(src); return append(dst, h[:]...) }),
		plain("url_decode", appendURLDecoded),
		plain("strip_whitespace", func(dst, src []byte) []byte {
			for _, c := range src {
				if !isSpace(c) {
					dst = append(dst, c)
				}
			}
			return dst
		}),
		plain("compress_whitespace", appendCompressed),
		plain("strip_pseudo_headers", appendNoPseudo),
		plain("header_lowercase", appendHeaderLower),
		{name: "domain", arg: argNone, parse: parseDomain("domain", true)},
		{name: "tld", arg: argNone, parse: parseDomain("tld", false)},
		{name: "xor", parse: parseXor},
		{name: "from_base64", arg: argOptional, parse: parseFromBase64},
		{name: "pcrexform", parse: parsePCREXform},
		{name: "gunzip", arg: argOptional, parse: parseInflate("gunzip", func(r io.Reader) (io.ReadCloser, error) {
			return gzip.NewReader(r)
		})},
		{name: "zlib_deflate", arg: argOptional, parse: parseInflate("zlib_deflate", zlib.NewReader)},
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 32
	}
	return c
}

func appendMapped(dst, src []byte, f func(byte) byte) []byte {
	for _, c := range src {
		dst = append(dst, f(c))
	}
	return dst
}

func appendLower(dst, src []byte) []byte { return appendMapped(dst, src, lower) }

func appendCompressed(dst, src []byte) []byte {
	space := false
	for _, c := range src {
		if isSpace(c) && space {
			continue
		}
		space = isSpace(c)
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func appendURLDecoded(dst, src []byte) []byte {
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '+':
			dst = append(dst, ' ')
		case c == '%' && i+2 < len(src):
			hi, ok1 := unhex(src[i+1])
			lo, ok2 := unhex(src[i+2])
			if !ok1 || !ok2 {
				dst = append(dst, c)
				continue
			}
			dst = append(dst, hi<<4|lo)
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// appendNoPseudo leaves out lines that start with ':' (HTTP/2's pseudo headers).
func appendNoPseudo(dst, src []byte) []byte {
	for len(src) > 0 {
		n := bytes.IndexByte(src, '\n') + 1
		if n == 0 {
			n = len(src)
		}
		if src[0] != ':' {
			dst = append(dst, src[:n]...)
		}
		src = src[n:]
	}
	return dst
}

// appendHeaderLower lowers the header names, up to the colon of each line.
func appendHeaderLower(dst, src []byte) []byte {
	name := true
	for _, c := range src {
		switch {
		case c == ':':
			name = false
		case c == '\n':
			name = true
		case name:
			c = lower(c)
		}
		dst = append(dst, c)
	}
	return dst
}

// parseDomain makes the transforms that need to know the public suffixes: tld is
// the suffix ("co.uk"), domain the suffix and the label before it.
func parseDomain(name string, domain bool) func(*builder, *rule.Option) error {
	return func(b *builder, _ *rule.Option) error {
		suffix := b.c.cfg.PublicSuffix
		if suffix == nil {
			return refuse(name+": no list of public suffixes is at hand", "")
		}
		return b.addTransform(transform{name: name, apply: func(_ *ctx, dst, src []byte) ([]byte, bool) {
			tld := suffix(string(src))
			if !domain {
				return append(dst, tld...), true
			}
			rest := len(src) - len(tld) - 1
			if tld == "" || rest <= 0 {
				return dst, true
			}
			return append(dst, src[bytes.LastIndexByte(src[:rest], '.')+1:]...), true
		}})
	}
}

func parseXor(b *builder, opt *rule.Option) error {
	v := strings.Trim(rule.Unquote(opt.Value), "\" ")
	key, err := hex.DecodeString(strings.TrimPrefix(v, "0x"))
	if err != nil || len(key) == 0 || len(key) > 255 {
		return refuse(fmt.Sprintf("xor: want a key in hexadecimal, got %q", v), "")
	}
	return b.addTransform(transform{name: "xor " + v, apply: func(_ *ctx, dst, src []byte) ([]byte, bool) {
		for i, c := range src {
			dst = append(dst, c^key[i%len(key)])
		}
		return dst, true
	}})
}

func parseFromBase64(b *builder, opt *rule.Option) error {
	n, offset, mode := uint64(0), uint64(0), base64RFC4648
	for _, a := range splitArgs(opt.Value) {
		word, arg, _ := strings.Cut(a, " ")
		var err error
		switch word {
		case "":
		case "bytes":
			n, err = parseUint(arg)
		case "offset":
			offset, err = parseUint(arg)
		case "mode":
			switch strings.ToLower(strings.TrimSpace(arg)) {
			case "rfc4648":
				mode = base64RFC4648
			case "rfc2045":
				mode = base64Loose
			case "strict":
				mode = base64Strict
			default:
				err = refuse(fmt.Sprintf("mode: want rfc4648, rfc2045 or strict, got %q", arg), "")
			}
		default:
			err = refuse(fmt.Sprintf("from_base64: unknown option %q", a), "")
		}
		if err != nil {
			return refuse(fmt.Sprintf("from_base64: bad option %q", a), "")
		}
	}
	name := fmt.Sprintf("from_base64 %d %d %d", n, offset, mode)
	return b.addTransform(transform{name: name, apply: func(_ *ctx, dst, src []byte) ([]byte, bool) {
		src = src[min(uint64(len(src)), offset):]
		if n > 0 {
			src = src[:min(uint64(len(src)), n)]
		}
		out, ok := appendBase64(dst, src, mode)
		return out, ok && len(out) > len(dst)
	}})
}

func parsePCREXform(b *builder, opt *rule.Option) error {
	expr := strings.Trim(opt.Value, "\"")
	re, err := b.c.regexp(expr, 0)
	if err != nil {
		return refuse(err.Error(), "")
	}
	if re.NumGroups() == 0 {
		return refuse("pcrexform: no capture group", "the group's text becomes the buffer")
	}
	return b.addTransform(transform{name: "pcrexform " + expr, apply: func(c *ctx, dst, src []byte) ([]byte, bool) {
		m := re.FindSubmatch(src, 0, &c.re)
		if len(m) < 4 || m[2] < 0 {
			return dst, true
		}
		return append(dst, src[m[2]:m[3]]...), true
	}})
}

// parseInflate makes the decompressing transforms. They allocate: no rule set
// in use has them on a hot buffer.
func parseInflate(name string, open func(io.Reader) (io.ReadCloser, error)) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		limit := int64(1024)
		if opt.HasVal {
			word, arg, _ := strings.Cut(strings.TrimSpace(opt.Value), " ")
			n, err := parseUint(arg)
			if word != "max-size" || err != nil || n == 0 || n > maxInflate {
				return refuse(fmt.Sprintf("%s: want max-size up to %d, got %q", name, maxInflate, opt.Value), "")
			}
			limit = int64(n)
		}
		return b.addTransform(transform{name: fmt.Sprintf("%s %d", name, limit),
			apply: func(_ *ctx, dst, src []byte) ([]byte, bool) {
				r, err := open(bytes.NewReader(src))
				if err != nil {
					return dst, false
				}
				w := bytes.NewBuffer(dst)
				_, _ = io.Copy(w, io.LimitReader(r, limit)) // a cut stream gives what it has
				return w.Bytes(), w.Len() > len(dst)
			}})
	}
}
