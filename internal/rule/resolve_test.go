package rule

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

func testVars() Vars {
	return Vars{
		"HOME_NET":     "[10.0.0.0/8,192.168.0.0/16]",
		"EXTERNAL_NET": "!$HOME_NET",
		"BARE":         "10.0.0.1, 10.0.0.2",
		"NEG":          "!10.0.0.1,!10.0.0.2",
		"HOLE":         "[$HOME_NET,!10.1.0.0/16]",
		"EVERY":        "any",
		"LOOP":         "[$LOOP]",
		"A":            "$B", "B": "$A",
		"BAD":        "[10.0.0.300]",
		"HTTP_PORTS": "[80,8000:8080]",
		"PORTS":      "80,443",
		"NOPORT":     "!any",
	}
}

func TestResolveAddresses(t *testing.T) {
	cases := []struct{ in, holds, lacks string }{
		{"any", "1.2.3.4 ::1", ""},
		{"10.1.2.3", "10.1.2.3", "10.1.2.2 10.1.2.4 ::10.1.2.3"},
		{"10.1.2.3/16", "10.1.0.0 10.1.255.255", "10.0.255.255 10.2.0.0"},
		{"10.1.2.3/255.255.0.0", "10.1.0.0 10.1.255.255", "10.0.255.255"},
		{"10.0.0.3-10.0.0.9", "10.0.0.3 10.0.0.9", "10.0.0.2 10.0.0.10"},
		{"2001:db8::/32", "2001:db8::1", "2001:db9:: 1.2.3.4"},
		{"2001:db8::5-2001:db8::9", "2001:db8::5 2001:db8::9", "2001:db8::4 2001:db8::a"},
		{"::/0", "::1 ffff::", "1.2.3.4"},
		{"0.0.0.0/0", "1.2.3.4 255.255.255.255", "::1"},
		{"::ffff:10.0.0.0/104", "10.9.9.9", "11.0.0.0 ::1"},
		{"!10.0.0.0/8", "9.255.255.255 11.0.0.0 ::1", "10.0.0.0"},
		{"!!10.0.0.0/8", "10.0.0.0", "9.255.255.255"},
		{"[10.0.0.0/8,!10.1.0.0/16]", "10.0.0.1 10.2.0.0", "10.1.2.3 11.0.0.0"},
		{"[!10.0.0.1,!10.0.0.3]", "10.0.0.2 ::1", "10.0.0.1 10.0.0.3"},
		{"![10.0.0.0/8,!10.1.0.0/16]", "10.1.2.3 11.0.0.0", "10.2.0.0"},
		{"[10.0.0.0/8,![10.1.0.0/16,10.2.0.0/16]]", "10.3.0.0", "10.1.0.0 10.2.0.0"},
		{"$HOME_NET", "10.1.1.1 192.168.0.1", "11.0.0.1 ::1"},
		{"$EXTERNAL_NET", "11.0.0.1 ::1", "10.1.1.1"},
		{"!$EXTERNAL_NET", "10.1.1.1", "11.0.0.1"},
		{"$BARE", "10.0.0.1 10.0.0.2", "10.0.0.3"},
		{"$NEG", "10.0.0.3", "10.0.0.1 10.0.0.2"},
		{"[$HOLE,1.1.1.1]", "10.2.0.0 1.1.1.1", "10.1.0.0 1.1.1.2"},
		{"$EVERY", "1.2.3.4 ::1", ""},
		{"[10.0.0.0/9,10.128.0.0/9,10.0.0.0/16]", "10.0.0.0 10.255.255.255", "11.0.0.0"},
	}
	for _, c := range cases {
		a, err := ParseAddresses("x", c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		set, err := a.Resolve(testVars())
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		for _, s := range strings.Fields(c.holds) {
			if !set.Contains(packet.AddrFrom(netip.MustParseAddr(s))) {
				t.Errorf("%s: lacks %s", c.in, s)
			}
		}
		for _, s := range strings.Fields(c.lacks) {
			if set.Contains(packet.AddrFrom(netip.MustParseAddr(s))) {
				t.Errorf("%s: holds %s", c.in, s)
			}
		}
		if set.IsAny() != (c.in == "any" || c.in == "$EVERY") {
			t.Errorf("%s: IsAny is %v", c.in, set.IsAny())
		}
	}
}

func TestResolveErrors(t *testing.T) {
	cases := []struct{ in, want string }{
		{"$HOME_NTE", "x:1:1: unknown variable $HOME_NTE|did you mean $HOME_NET?"},
		{"[1.1.1.1,$LOOP]", "x:1:10: "},
		{"$A", "x:1:1: "},
		{"$BAD", "x:1:1: variable $BAD:1:2: address: want any, an address"},
		{"!any", `x:1:1: address: "!any" leaves no address|a negated part covers all the others`},
		{"[$HOME_NET,$EXTERNAL_NET,!$EVERY]", `x:1:1: address: "[$HOME_NET,$EXTERNAL_NET,!$EVERY]" leaves no address`},
		{"$NOPORT", `x:1:1: address: "$NOPORT" leaves no address|$NOPORT is !any, and that is nothing: set it as well, for example to any`},
	}
	for _, c := range cases {
		a, err := ParseAddresses("x", c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		_, err = a.Resolve(testVars())
		e, ok := err.(*Error)
		if !ok {
			t.Errorf("%s: want an *Error, got %v", c.in, err)
			continue
		}
		if got := e.Error() + "|" + e.Hint; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: want %s, got %s", c.in, c.want, got)
		}
	}
	if p, _ := ParsePorts("x", "$NOPORT"); true {
		if _, err := p.Resolve(testVars()); err == nil || !strings.Contains(err.Error(), "leaves no port") {
			t.Errorf("$NOPORT: got %v", err)
		}
	}
}

// A chain of variables that each name the next one twice must not take 2^n
// steps without a bound.
func TestResolveDoubling(t *testing.T) {
	vars := Vars{"V15": "any"}
	for i := range 15 {
		vars[fmt.Sprintf("V%d", i)] = fmt.Sprintf("[$V%d,$V%d]", i+1, i+1)
	}
	a, _ := ParseAddresses("x", "$V0")
	if set, err := a.Resolve(vars); err != nil || !set.IsAny() {
		t.Errorf("15 levels: %v", err)
	}
	vars["V15"] = "[" + strings.Repeat("$V16,", 1000) + "$V16]"
	vars["V16"] = "1.1.1.1"
	if _, err := a.Resolve(vars); err == nil {
		t.Error("33 million nodes: want an error")
	}
}

func TestResolvePorts(t *testing.T) {
	cases := []struct {
		in   string
		want []PortSpan
	}{
		{"any", []PortSpan{{0, 65535}}},
		{"80", []PortSpan{{80, 80}}},
		{"1024:", []PortSpan{{1024, 65535}}},
		{":1023", []PortSpan{{0, 1023}}},
		{"!80", []PortSpan{{0, 79}, {81, 65535}}},
		{"!5800,!445", []PortSpan{{0, 444}, {446, 5799}, {5801, 65535}}},
		{"[80:90,91,100]", []PortSpan{{80, 91}, {100, 100}}},
		{"[80:90,!85]", []PortSpan{{80, 84}, {86, 90}}},
		{"$HTTP_PORTS", []PortSpan{{80, 80}, {8000, 8080}}},
		{"[$PORTS,!80]", []PortSpan{{443, 443}}},
	}
	for _, c := range cases {
		p, err := ParsePorts("x", c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		set, err := p.Resolve(testVars())
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if diff := cmp.Diff(c.want, set.Spans()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.in, diff)
		}
		for port := range 65536 {
			in := false
			for _, s := range c.want {
				in = in || uint16(port) >= s.Low && uint16(port) <= s.High
			}
			if set.Contains(uint16(port)) != in {
				t.Fatalf("%s: Contains(%d) is %v", c.in, port, !in)
			}
		}
	}
}

// The sets must agree with a plain evaluation of the tree.
func TestResolveOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	inside := 0
	for range 500 {
		text := randomAddresses(r, 3)
		a, err := ParseAddresses("x", text)
		if err != nil {
			t.Fatal(err)
		}
		set, err := a.Resolve(nil)
		for range 50 {
			ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(64))})
			if want := evaluate(a.Root, ip); want != (err == nil && set.Contains(packet.AddrFrom(ip))) {
				t.Fatalf("%s: want %s %v", text, ip, want)
			} else if want {
				inside++
			}
		}
		if err == nil {
			checkPrefixes(t, text, set)
		}
	}
	if inside < 1000 {
		t.Fatalf("only %d addresses inside: the test looks at nothing", inside)
	}
}

func randomAddresses(r *rand.Rand, depth int) string {
	neg := ""
	if r.IntN(4) == 0 {
		neg = "!"
	}
	if depth == 0 || r.IntN(3) == 0 {
		return neg + fmt.Sprintf("10.0.0.%d/%d", r.IntN(64), 26+r.IntN(7))
	}
	var parts []string
	for range 1 + r.IntN(4) {
		parts = append(parts, randomAddresses(r, depth-1))
	}
	return neg + "[" + strings.Join(parts, ",") + "]"
}

func evaluate(n *AddrNode, ip netip.Addr) bool {
	if n.Kind == AddrPrefix {
		return n.Prefix.Contains(ip) != n.Neg
	}
	plain, some, negated := false, false, false
	for i := range n.List {
		e := n.List[i]
		neg := e.Neg
		e.Neg = false
		in := evaluate(&e, ip)
		if neg {
			negated = negated || in
		} else {
			some = true
			plain = plain || in
		}
	}
	return ((plain || !some) && !negated) != n.Neg
}

// checkPrefixes compares Prefixes with Contains at the edges of each block.
func checkPrefixes(t *testing.T, text string, set *AddrSet) {
	t.Helper()
	for _, p := range set.Prefixes() {
		first := p.Addr()
		if !set.Contains(packet.AddrFrom(first)) {
			t.Fatalf("%s: prefix %s is outside", text, p)
		}
	}
	for i := range 256 {
		ip := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		in := false
		for _, p := range set.Prefixes() {
			in = in || p.Contains(ip)
		}
		if in != set.Contains(packet.AddrFrom(ip)) {
			t.Fatalf("%s: %s is in one of Prefixes: %v", text, ip, in)
		}
	}
}

func TestPrefixes(t *testing.T) {
	cases := []struct{ in, want string }{
		{"any", "0.0.0.0/0 ::/0"},
		{"[10.0.0.0/9,10.128.0.0/9]", "10.0.0.0/8"},
		{"10.0.0.1-10.0.0.6", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32"},
		{"[2001:db8::/33,2001:db8:8000::/33]", "2001:db8::/32"},
		{"255.255.255.255", "255.255.255.255/32"},
	}
	for _, c := range cases {
		a, _ := ParseAddresses("x", c.in)
		set, err := a.Resolve(nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Trim(fmt.Sprint(set.Prefixes()), "[]"); got != c.want {
			t.Errorf("%s: want %s, got %s", c.in, c.want, got)
		}
	}
}

func TestResolverShares(t *testing.T) {
	r := NewResolver(testVars())
	a, _ := ParseAddresses("x", "$HOME_NET")
	b, _ := ParseAddresses("y", " $HOME_NET ")
	first, err1 := r.Addresses(&a)
	second, err2 := r.Addresses(&b)
	if first != second || err1 != nil || err2 != nil {
		t.Errorf("equal expressions: %p, %p, %v, %v", first, second, err1, err2)
	}
}

func TestContainsAllocates(t *testing.T) {
	a, _ := ParseAddresses("x", "[$HOME_NET,2001:db8::/32,!10.1.0.0/16]")
	set, err := a.Resolve(testVars())
	if err != nil {
		t.Fatal(err)
	}
	v4, v6 := packet.AddrFrom4([4]byte{10, 1, 2, 3}), packet.AddrFrom(netip.MustParseAddr("2001:db8::1"))
	if n := testing.AllocsPerRun(100, func() { set.Contains(v4); set.Contains(v6) }); n != 0 {
		t.Errorf("Contains allocates %v times", n)
	}
}
