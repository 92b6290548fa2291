package rule

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// seeds are rules in many forms of the grammar.
func seeds() []string {
	return []string{
		`alert tcp $HOME_NET any -> $EXTERNAL_NET 80 (msg:"a"; content:"b|0d 0a|c"; nocase; sid:1; rev:2;)`,
		`# pass ip any any <> [!10.0.0.0/8,[2001:db8::/32,1.2.3.4-1.2.3.9]] any (sid:2;)`,
		`rejectboth tls:client_hello_done any [1024:,!:79,443] => any any (tls.sni; content:!"x\;\"\\"; sid:3;)`,
		`drop udp ![$A,!$B] !$P -> any 53,5353 (pcre:"/a\/b\;/iR"; dsize:!5; noalert; sid:4;)`,
		"alert ip any any -> any any (msg:\"x\"; \\\n sid:5;)\r\nconfig ip any any -> any any (sid:6;)",
		`alert ip 10.0.0.1/255.255.0.0 any -> ::ffff:1.2.3.4 any (sid:7;)`,
		`alert ip any any -> any any (x : ! y ; sid: 8 ; a:;)`,
		`alert ip [[[[any]]]] any -> any [any,[1]] (sid:9;)`,
		`alert ip any any -> any any (x:\"a"b\ ; y: ! ! z; w:; v: !; u:\\ ; sid:10;)`,
		`alert http1:request_line any any -> any any (http.uri; content:"/a"; startswith; pcre:"/(a+)\/b\;?/Ri, flow:v, pkt:w"; bsize:5<>9; byte_test:4,!=,0x10,-2,relative,string,hex,bitmask 0xff; isdataat:!1,relative; urilen:<5,norm; sid:11;)`,
		`alert dns any any -> any any (dns.query; dotprefix; content:!".a|2e|b"; endswith; within:n; distance:-3; threshold:type limit, track by_src, count 1, seconds 60; flowbits:isset,a|b; flowint:x,+,1; xbits:set,x,track ip_src,expire 5; base64_decode:bytes 4, offset 2, relative; reference:url,a.example/x\;y; metadata:a b, c d; target:src_ip; requires:version >= 8 < 9 | >= 10, keyword x; fast_pattern:1,2; flags:!SA+,CE; config:logging disable, type tx, scope tx; classtype:x-y; priority:3; gid:4294967295; sid:4294967295; rev:0;)`,
	}
}

// comparePrinted checks that printing and parsing gives the rule again.
func comparePrinted(t *testing.T, r *Rule) {
	t.Helper()
	f, errs := ParseFile("printed", []byte(r.String()), KeepDisabled())
	if errs.Err() != nil || len(f.Rules) != 1 {
		t.Fatalf("printed rule %q: %d rules, %v", r, len(f.Rules), errs)
	}
	ignored := cmp.Options{cmpopts.IgnoreTypes(Pos{}), cmpopts.IgnoreFields(Rule{}, "Text"), cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})}
	ignored = append(ignored, cmpopts.IgnoreUnexported(Rule{}))
	if diff := cmp.Diff(r.Options(), f.Rules[0].Options(), ignored); diff != "" {
		t.Fatalf("%q: options (-rule +printed and parsed):\n%s", r, diff)
	}
	if diff := cmp.Diff(r, f.Rules[0], ignored); diff != "" {
		t.Fatalf("%q (-rule +printed and parsed):\n%s", r, diff)
	}
	if again := f.Rules[0].String(); again != r.String() {
		t.Fatalf("printed twice: %q, then %q", r, again)
	}
}

func TestPrint(t *testing.T) {
	for _, s := range seeds() {
		f, errs := ParseFile("x", []byte(s), KeepDisabled())
		if errs.Err() != nil || len(f.Rules) == 0 {
			t.Fatalf("%q: %v", s, errs)
		}
		for _, r := range f.Rules {
			comparePrinted(t, r)
		}
	}
}

func TestPrintOption(t *testing.T) {
	f, errs := ParseFile("x", []byte(`alert ip any any -> any any (content : ! "a" ; nocase ; sid: 8;)`))
	if errs.Err() != nil {
		t.Fatal(errs)
	}
	want := `alert ip any any -> any any (content:!"a"; nocase; sid:8;)`
	if got := f.Rules[0].String(); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if got := f.Rules[0].Options()[0].String(); got != `content:!"a";` {
		t.Errorf("option: got %s", got)
	}
}

// FuzzPrintParse checks that a rule printed and parsed is the same rule, for all
// that the parser accepts, and that errors and sets are never empty.
func FuzzPrintParse(f *testing.F) {
	for _, s := range seeds() {
		f.Add([]byte(s))
	}
	f.Add([]byte("alert ip any any -> any any (sid:1;\\;)\n((\n[[[[,,]]]]"))
	vars := Vars{"A": "10.0.0.0/8", "B": "[$A,!10.1.0.0/16]", "P": "[80,443]", "HOME_NET": "any", "EXTERNAL_NET": "!$B"}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, errs := ParseFile("fuzz", text, KeepDisabled())
		if file.Refused != len(errs) && file.Refused < maxErrors {
			t.Fatalf("%d refused, %d errors", file.Refused, len(errs))
		}
		if len(errs) > 0 && strings.TrimSpace(errs.Error()) == "" {
			t.Fatal("errors print nothing")
		}
		resolver := NewResolver(vars)
		for _, r := range file.Rules {
			comparePrinted(t, r)
			if set, err := resolver.Addresses(&r.Src); (set == nil) == (err == nil) {
				t.Fatalf("%s: set %v, error %v", &r.Src, set, err)
			}
			if set, err := resolver.Ports(&r.DstPorts); (set == nil) == (err == nil) {
				t.Fatalf("%s: set %v, error %v", &r.DstPorts, set, err)
			}
			for i := range r.Options() {
				checkValues(t, &r.Options()[i])
			}
		}
	})
}

// checkValues feeds a value to its decoders: result or error, offset inside.
func checkValues(t *testing.T, o *Option) {
	t.Helper()
	b, _, err := ParseContent(o.Value)
	if (len(b) == 0) == (err == nil) {
		t.Fatalf("content %q: %q, %v", o.Value, b, err)
	}
	if err != nil {
		if v := err.(*ValueError); v.Offset < 0 || v.Offset > len(o.Value) {
			t.Fatalf("content %q: offset %d", o.Value, v.Offset)
		}
	}
	p, err := ParsePCRE(o.Value)
	if (p.Expr == "") == (err == nil) && p.Offset >= 0 && err == nil {
		t.Fatalf("pcre %q: %v, %v", o.Value, p, err)
	}
	Unquote(o.Value)
}

func BenchmarkParseFile(b *testing.B) {
	text := []byte(strings.Repeat(strings.Join(seeds(), "\n")+"\n", 500))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		ParseFile("bench", text)
	}
}
