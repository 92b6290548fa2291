package dns

import (
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

func TestKeywords(t *testing.T) {
	p := Descriptor().New(nil)
	p.Data(proto.ToServer, newMessage(1, 0x2003).q(wire("a"), typeSOA, 1).q(wire("a"), typeMX, 1).b)
	p.Data(proto.ToClient, newMessage(1, 0xa003).q(wire("a"), typeMX, 1).
		rr(secAnswer, wire("a"), typeTXT, 1, []byte{1, 'x'}).b)
	req, rsp := p.Txs()[0], p.Txs()[1]
	for _, c := range []struct {
		keyword, value string
		want           bool // for the request, to the server
	}{
		{"dns.opcode", "4", true}, {"dns.opcode", "!0", true}, {"dns.opcode", "!4", false},
		{"dns.opcode", "=4", true}, {"dns.opcode", "!=4", false}, {"dns.opcode", "0x04", true},
		{"dns.opcode", ">3", true}, {"dns.opcode", ">4", false}, {"dns.opcode", ">=4", true},
		{"dns.opcode", "<5", true}, {"dns.opcode", "<4", false}, {"dns.opcode", "<=4", true},
		{"dns.opcode", "3-5", true}, {"dns.opcode", "4-7", false}, {"dns.opcode", "!4-7", true},
		{"dns.opcode", "&4=4", true}, {"dns.opcode", "&0x3=1", false}, {"dns.opcode", "&3!=1", true},
		{"dns.rcode", "3", true}, {"dns.rcode", "nxdomain", true}, {"dns.rcode", "!NXDOMAIN", false},
		{"dns.rcode", "2", false}, {"dns.rcode", "!2", true},
		{"dns.rrtype", "mx", true}, {"dns.rrtype", "6", true}, {"dns.rrtype", "A", false},
		{"dns.rrtype", "!15", true}, {"dns.rrtype", "TXT", false}, {"dns.rrtype", ">255", false},
	} {
		test, err := parserOf(t, c.keyword)(c.value)
		if err != nil {
			t.Errorf("%s:%s: %v", c.keyword, c.value, err)
			continue
		}
		if got := test(req, proto.ToServer); got != c.want {
			t.Errorf("%s:%s: %v, want %v", c.keyword, c.value, got, c.want)
		}
		if test(req, proto.ToClient) {
			t.Errorf("%s:%s answers a request's other side", c.keyword, c.value)
		}
	}
	txt, err := parserOf(t, "dns.rrtype")("txt")
	if err != nil || !txt(rsp, proto.ToClient) {
		t.Errorf("dns.rrtype:txt in a response: %v", err)
	}
}

func TestKeywordErrors(t *testing.T) {
	for _, c := range []struct{ keyword, value string }{
		{"dns.opcode", ""}, {"dns.opcode", "!"}, {"dns.opcode", "256"}, {"dns.opcode", "query"},
		{"dns.opcode", "<0"}, {"dns.opcode", ">255"}, {"dns.opcode", "=<3"}, {"dns.opcode", "3-4"},
		{"dns.opcode", "5-3"}, {"dns.opcode", "1-x"}, {"dns.opcode", "&4"}, {"dns.opcode", "&0=0"},
		{"dns.rcode", "nosuch"}, {"dns.rrtype", "65536"}, {"dns.rrtype", "-"}, {"dns.rrtype", "-1"},
	} {
		if _, err := parserOf(t, c.keyword)(c.value); err == nil {
			t.Errorf("%s:%s: no error", c.keyword, c.value)
		}
	}
}

func parserOf(t *testing.T, keyword string) func(string) (proto.TxTest, error) {
	t.Helper()
	for _, k := range Descriptor().Keywords {
		if k.Name == keyword {
			return k.Parse
		}
	}
	t.Fatalf("no keyword %s", keyword)
	return nil
}

func TestAccessors(t *testing.T) {
	p := Descriptor().New(nil)
	p.Data(proto.ToServer, query(1, "www.example.com", typeA).b)
	p.Data(proto.ToClient, newMessage(1, 0x8081).b)
	if got := string(QueryName(p.Txs()[0])); got != "www.example.com" || IsResponse(p.Txs()[0]) {
		t.Errorf("request: %q", got)
	}
	if got := QueryName(p.Txs()[1]); got != nil || !IsResponse(p.Txs()[1]) {
		t.Errorf("response: %q", got)
	}
	if QueryName(nil) != nil || IsResponse(nil) {
		t.Error("nil transaction")
	}
}
