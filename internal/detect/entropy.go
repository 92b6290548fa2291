package detect

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// entropyOp compares the Shannon entropy of a buffer's bytes, 0 to 8 bits.
type entropyOp struct {
	n, offset int
	cmp       string
	value     float64
}

// parseEntropy reads "bytes 0, offset 0, value >= 4".
func parseEntropy(b *builder, opt *rule.Option) error {
	e := entropyOp{}
	given := false
	for _, a := range splitArgs(opt.Value) {
		word, arg, _ := strings.Cut(a, " ")
		arg = strings.TrimSpace(arg)
		var err error
		switch word {
		case "bytes":
			e.n, err = strconv.Atoi(arg)
		case "offset":
			e.offset, err = strconv.Atoi(arg)
		case "value":
			num := strings.TrimLeft(arg, "<>=! ")
			e.cmp = strings.TrimSpace(strings.TrimSuffix(arg, num))
			e.value, err = strconv.ParseFloat(num, 64)
			given = err == nil
		default:
			return refuse(fmt.Sprintf("unknown option %q", a), "")
		}
		if err != nil || e.n < 0 || e.offset < 0 {
			return refuse(fmt.Sprintf("bad number in %q", a), "")
		}
	}
	if !given || !strings.Contains(" = == != < <= > >= ", " "+e.cmp+" ") && e.cmp != "" {
		return refuse("want value with one of = != < <= > >=", "")
	}
	return b.addOp(op{kind: opEntropy, x: &opExtra{ent: e}})
}

func (c *ctx) entropy(o *op) outcome {
	e := &o.x.ent
	b := c.buf[min(e.offset, len(c.buf)):]
	if e.n > 0 {
		b = b[:min(len(b), e.n)]
	}
	if len(b) == 0 {
		return never
	}
	c.re.Work += uint64(len(b))
	h := shannon(b)
	switch e.cmp {
	case "!=":
		return decided(math.Abs(h-e.value) > 1e-9)
	case "<":
		return decided(h < e.value)
	case "<=":
		return decided(h <= e.value)
	case ">":
		return decided(h > e.value)
	case ">=":
		return decided(h >= e.value)
	}
	return decided(math.Abs(h-e.value) <= 1e-9)
}

func shannon(b []byte) float64 {
	var n [256]int
	for _, c := range b {
		n[c]++
	}
	h, total := 0.0, float64(len(b))
	for _, k := range n {
		if k > 0 {
			p := float64(k) / total
			h -= p * math.Log2(p)
		}
	}
	return h
}
