package detect

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// maxVars bounds the variables of one rule.
const maxVars = 32

// byteCmp is byte_test's operator, and byte_math's.
type byteCmp uint8

const (
	cmpEQ byteCmp = iota
	cmpLT
	cmpGT
	cmpLE
	cmpGE
	cmpAnd
	cmpXor
	mathAdd
	mathSub
	mathMul
	mathDiv
	mathShl
	mathShr
)

// byteOp is byte_test, byte_jump, byte_extract and byte_math in one.
type byteOp struct {
	n      amount // bytes to read
	offset amount
	base   uint8 // 0 binary, else digits of base 8, 10, 16 as text
	little bool
	mask   uint64 // bitmask, 0 for none
	shift  uint8  // trailing zeros of mask
	cmp    byteCmp
	not    bool
	value  uint64
	valRef int8 // variable index + 1
	mul    uint64
	align  uint64 // byte_jump: 4; byte_extract: 2 or 4
	begin  bool
	end    bool
	post   amount
	result int8 // variable index
}

func byteKeywords() []keyword {
	return []keyword{
		{name: "byte_test", parse: parseByteTest},
		{name: "byte_jump", parse: parseByteJump},
		{name: "byte_extract", parse: parseByteExtract},
		{name: "byte_math", parse: parseByteMath},
		{name: "base64_decode", arg: argOptional, parse: parseBase64Decode},
		{name: "base64_data", arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			b.cur = b.newGroup(b.c.bufs.base64)
			return nil
		}},
	}
}

func (b *builder) varIndex(name string) int { return slices.Index(b.vars, name) }

// defineVar returns the variable's index.
func (b *builder) defineVar(name string) (int8, error) {
	name = strings.TrimSpace(name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		return 0, refuse(fmt.Sprintf("want a variable name, got %q", name), "")
	}
	if i := b.varIndex(name); i >= 0 {
		return int8(i), nil
	}
	if len(b.vars) >= maxVars {
		return 0, refuse(fmt.Sprintf("more than %d variables", maxVars), "")
	}
	b.vars = append(b.vars, name)
	return int8(len(b.vars) - 1), nil
}

func splitArgs(v string) []string {
	parts := strings.Split(v, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

func parseByteTest(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 4 {
		return refuse("want bytes, operator, value, offset", "")
	}
	n := op{kind: opByteTest, x: &opExtra{}}
	x := &n.x.bytes
	var err error
	if x.n, err = b.amount(a[0]); err != nil {
		return err
	}
	if err = x.operator(a[1]); err != nil {
		return err
	}
	if x.value, x.valRef, err = b.number(a[2]); err != nil {
		return err
	}
	if x.offset, err = b.amount(a[3]); err != nil {
		return err
	}
	return b.byteOptions(n, a[4:])
}

func (x *byteOp) operator(s string) error {
	if t, ok := strings.CutPrefix(s, "!"); ok {
		x.not, s = true, strings.TrimSpace(t)
		if s == "" {
			s = "="
		}
	}
	switch s {
	case "=", "==":
		x.cmp = cmpEQ
	case "<":
		x.cmp = cmpLT
	case ">":
		x.cmp = cmpGT
	case "<=":
		x.cmp = cmpLE
	case ">=":
		x.cmp = cmpGE
	case "&":
		x.cmp = cmpAnd
	case "^":
		x.cmp = cmpXor
	default:
		return refuse(fmt.Sprintf("want an operator of = < > <= >= & ^, got %q", s), "")
	}
	return nil
}

// number reads a 64-bit number (0x for hexadecimal) or a variable.
func (b *builder) number(s string) (uint64, int8, error) {
	if n, err := strconv.ParseUint(s, 0, 64); err == nil {
		return n, 0, nil
	}
	if n, err := strconv.ParseUint(strings.TrimLeft(s, "0"), 10, 64); err == nil {
		return n, 0, nil
	}
	if i := b.varIndex(s); i >= 0 {
		return 0, int8(i + 1), nil
	}
	return 0, 0, refuse(fmt.Sprintf("want a number or a variable, got %q", s), "")
}

func parseByteJump(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 2 {
		return refuse("want bytes, offset", "")
	}
	n := op{kind: opByteJump, x: &opExtra{}}
	n.x.bytes.mul = 1
	var err error
	if n.x.bytes.n, err = b.amount(a[0]); err != nil {
		return err
	}
	if n.x.bytes.offset, err = b.amount(a[1]); err != nil {
		return err
	}
	return b.byteOptions(n, a[2:])
}

func parseByteExtract(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	if len(a) < 3 {
		return refuse("want bytes, offset, name", "")
	}
	n := op{kind: opByteExtract, x: &opExtra{}}
	x := &n.x.bytes
	x.mul = 1
	var err error
	if x.n, err = b.amount(a[0]); err != nil {
		return err
	}
	if x.offset, err = b.amount(a[1]); err != nil {
		return err
	}
	if x.result, err = b.defineVar(a[2]); err != nil {
		return err
	}
	return b.byteOptions(n, a[3:])
}

// byteOptions reads what follows the fixed arguments and adds the test.
func (b *builder) byteOptions(n op, opts []string) error {
	x := &n.x.bytes
	text := false
	for _, o := range opts {
		word, arg, _ := strings.Cut(o, " ")
		arg = strings.TrimSpace(arg)
		var err error
		switch word {
		case "":
		case "relative":
			n.flags |= flagRelative
		case "string":
			text = true
			if x.base == 0 {
				x.base = 10
			}
			if arg != "" {
				err = x.setBase(arg)
			}
		case "hex", "dec", "oct":
			err = x.setBase(word)
		case "big":
		case "little":
			x.little = true
		case "endian":
			x.little = arg == "little"
		case "bitmask":
			err = x.setMask(arg)
		case "dce":
			return needProto("dcerpc")
		case "from_beginning":
			x.begin = true
		case "from_end":
			x.end = true
		case "align":
			x.align = 4
			if arg != "" {
				x.align, err = parseUint(arg)
			}
		case "multiplier":
			x.mul, err = parseUint(arg)
		case "post_offset":
			x.post, err = b.amount(arg)
		default:
			return refuse(fmt.Sprintf("unknown option %q", o), "")
		}
		if err != nil {
			return err
		}
	}
	if x.base != 0 && !text {
		x.base = 0 // hex, dec and oct mean nothing without string
	}
	if err := x.checkWidth(n.kind); err != nil {
		return err
	}
	return b.addOp(n)
}

func (x *byteOp) setBase(s string) error {
	switch s {
	case "hex":
		x.base = 16
	case "dec":
		x.base = 10
	case "oct":
		x.base = 8
	default:
		return refuse(fmt.Sprintf("want hex, dec or oct, got %q", s), "")
	}
	return nil
}

func (x *byteOp) setMask(s string) error {
	m, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X"), 16, 32)
	if err != nil || m == 0 {
		return refuse(fmt.Sprintf("bitmask: want a hexadecimal number, got %q", s), "")
	}
	x.mask, x.shift = m, 0
	for m&1 == 0 {
		m >>= 1
		x.shift++
	}
	return nil
}

func (x *byteOp) checkWidth(kind opKind) error {
	if x.n.ref != 0 {
		return nil
	}
	low, high := int32(1), int32(8)
	if x.base != 0 {
		high = 23
	}
	if kind == opByteJump || x.base != 0 {
		low = 0
	}
	if x.n.n < low || x.n.n > high {
		return refuse(fmt.Sprintf("want %d to %d bytes, got %d", low, high, x.n.n), "")
	}
	return nil
}

// parseByteMath reads "bytes 4, offset 0, oper +, rvalue 10, result name".
func parseByteMath(b *builder, opt *rule.Option) error {
	n := op{kind: opByteMath, x: &opExtra{}}
	x := &n.x.bytes
	seen := 0
	var rest []string
	for _, a := range splitArgs(opt.Value) {
		word, arg, _ := strings.Cut(a, " ")
		arg = strings.TrimSpace(arg)
		var err error
		seen++
		switch word {
		case "bytes":
			x.n, err = b.amount(arg)
		case "offset":
			x.offset, err = b.amount(arg)
		case "oper":
			err = x.mathOperator(arg)
		case "rvalue":
			x.value, x.valRef, err = b.number(arg)
		case "result":
			x.result, err = b.defineVar(arg)
		default:
			seen--
			rest = append(rest, a)
		}
		if err != nil {
			return err
		}
	}
	if seen != 5 {
		return refuse("want bytes, offset, oper, rvalue and result", "")
	}
	if x.cmp == mathDiv && x.valRef == 0 && x.value == 0 {
		return refuse("rvalue: division by zero", "")
	}
	return b.byteOptions(n, rest)
}

func (x *byteOp) mathOperator(s string) error {
	i := slices.Index([]string{"+", "-", "*", "/", "<<", ">>"}, s)
	if i < 0 {
		return refuse(fmt.Sprintf("oper: want one of + - * / << >>, got %q", s), "")
	}
	x.cmp = mathAdd + byteCmp(i)
	return nil
}
