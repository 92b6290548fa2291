package http

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// run feeds one parser both directions whole and returns its transactions.
func run(t *testing.T, c *proto.Config, client, server string) *parser {
	t.Helper()
	p := newParser(c, &pool{})
	p.Data(proto.ToServer, []byte(client))
	p.Data(proto.ToClient, []byte(server))
	return p
}

func names(b *proto.TxBase) (out []string) {
	for i, n := range eventNames() {
		if b.Events.Has(uint8(i)) {
			out = append(out, n)
		}
	}
	return out
}

func TestNormaliseURI(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"/", "/"},
		{"/a%20b", "/a b"},
		{"/%61%62?q=%41%2b+x", "/ab?q=A++x"},
		{"/a//b///c", "/a/b/c"},
		{"/a/./b/../c", "/a/c"},
		{"/../../etc/passwd", "/etc/passwd"},
		{"/a/b/..", "/a/"},
		{"/a/.", "/a/"},
		{"/a/...", "/a/..."},
		{"/a\\b%5cc", "/a/b/c"},
		{"/%2e%2e/x", "/x"},
		{"/%u0041%uff0f%u2215x", "/A/x"},
		{"/%zz%4", "/%zz%4"},
		{"/%c0%afx", "/x"},
		{"/a?x=//../y", "/a?x=//../y"},
		{"/a#f%41", "/a#f%41"},
		{"http://h:80/p", "/p"},
		{"http://h?q", "?q"},
		{"*", "*"},
	} {
		p := run(t, nil, "GET "+c.in+" HTTP/1.1\r\nHost: h\r\n\r\n", "")
		got, _ := p.txs[0].Buffer(bURI, 0)
		if string(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestRequestLine(t *testing.T) {
	for _, c := range []struct {
		in, method, uri, proto string
		events                 []string
	}{
		{in: "GET / HTTP/1.1", method: "GET", uri: "/", proto: "HTTP/1.1"},
		{in: "GET /a b HTTP/1.1", method: "GET", uri: "/a b", proto: "HTTP/1.1"},
		{in: "GET\t/ HTTP/1.1", method: "GET", uri: "/", proto: "HTTP/1.1", events: []string{"METHOD_DELIM_NON_COMPLIANT"}},
		{in: "GET /\tHTTP/1.1", method: "GET", uri: "/", proto: "HTTP/1.1", events: []string{"URI_DELIM_NON_COMPLIANT"}},
		{in: "  GET / HTTP/1.1", method: "GET", uri: "/", proto: "HTTP/1.1", events: []string{"REQUEST_LINE_LEADING_WHITESPACE"}},
		{in: "GET /%2541 HTTP/1.1", method: "GET", uri: "/%2541", proto: "HTTP/1.1", events: []string{"DOUBLE_ENCODED_URI"}},
		{in: "GET / HTTP/1.1  ", method: "GET", uri: "/", proto: "HTTP/1.1"},
		{in: "GET /", method: "GET", uri: "/", events: []string{"REQUEST_LINE_MISSING_PROTOCOL"}},
		{in: "GET", method: "GET", events: []string{"REQUEST_LINE_INCOMPLETE", "REQUEST_LINE_MISSING_PROTOCOL"}},
	} {
		p := run(t, nil, c.in+"\r\nHost: h\r\n\r\n", "")
		tx := p.txs[0]
		got := []string{string(tx.methodBytes()), string(tx.uriBytes()), string(tx.msg[0].proto.of(tx.msg[0].raw))}
		if d := cmp.Diff([]string{c.method, c.uri, c.proto}, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", c.in, d)
		}
		if d := cmp.Diff(c.events, names(tx.Base())); d != "" {
			t.Errorf("%q events (-want +got):\n%s", c.in, d)
		}
	}
}

func TestChunkLine(t *testing.T) {
	for _, c := range []struct {
		in    string
		size  uint64
		n     int
		ext   bool
		empty bool
	}{
		{in: "5\r\n", size: 5, n: 1},
		{in: " \t\v\f0F \r\n", size: 15, n: 2},
		{in: "a;x=1\r\n", size: 10, n: 1, ext: true},
		{in: "3 , junk\n", size: 3, n: 1},
		{in: "0x10\r\n", size: 0, n: 1},
		{in: "\r\n", empty: true},
		{in: "-5\r\n"},
		{in: "ffffffffffffffffffff\r\n", size: maxChunk, n: 20},
		{in: "00000000000000000001\n", size: 1, n: 20},
	} {
		size, n, ext, empty := parseChunk([]byte(c.in))
		if size != c.size || n != c.n || ext != c.ext || empty != c.empty {
			t.Errorf("%q: got %d %d %v %v", c.in, size, n, ext, empty)
		}
	}
}

func TestHeaderBuffers(t *testing.T) {
	p := run(t, nil, "GET / HTTP/1.1\r\nhost : H.example.:81\r\nX: a\r\n b\r\nCookie: k\r\nX: c\r\n: none\r\njunk\r\n\r\n", "")
	tx := p.txs[0]
	want := map[uint8]string{
		bHost:           "h.example",
		bHostRaw:        "H.example.:81",
		bCookieReq:      "k",
		bHeaderReq:      "host: H.example.:81\r\nX: a b, c\r\n: none\r\n: junk\r\n",
		bHeaderNamesReq: "\r\nhost\r\nX\r\nCookie\r\n\r\n\r\n\r\n",
		bStartReq:       "GET / HTTP/1.1\r\nhost: H.example.:81\r\nX: a b, c\r\nCookie: k\r\n: none\r\n: junk\r\n\r\n",
		bRequestLine:    "GET / HTTP/1.1",
	}
	want[bHeaderNamesReq] = "\r\nhost\r\nX\r\nCookie\r\n\r\n\r\n"
	want[bHeaderReq] = "host: H.example.:81\r\nX: a b, c\r\n: none, junk\r\n"
	want[bStartReq] = "GET / HTTP/1.1\r\nhost: H.example.:81\r\nX: a b, c\r\nCookie: k\r\n: none, junk\r\n\r\n"
	for id, w := range want {
		if got, _ := tx.Buffer(id, 0); string(got) != w {
			t.Errorf("%s: got %q, want %q", buffers()[id].Name, got, w)
		}
	}
	if got, ok := tx.Buffer(bRequestHeader, 1); !ok || string(got) != "X: a b, c" {
		t.Errorf("second header: %q %v", got, ok)
	}
	if _, ok := tx.Buffer(bRequestHeader, 4); ok {
		t.Error("a fifth header")
	}
}

func TestContentLength(t *testing.T) {
	for _, c := range []struct {
		in      string
		v       uint64
		ok, odd bool
	}{
		{"10", 10, true, false},
		{" 10", 10, true, false},
		{"34 68", 34, true, true},
		{",68", 68, true, true},
		{"68.0", 68, true, true},
		{"x", 0, false, true},
		{"", 0, false, false},
		{"99999999999999999999999", 1 << 62, true, false},
	} {
		if v, ok, odd := parseLength([]byte(c.in)); v != c.v || ok != c.ok || odd != c.odd {
			t.Errorf("%q: got %d %v %v", c.in, v, ok, odd)
		}
	}
}

func TestDisposition(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`attachment; filename="a b.txt"`, "a b.txt"},
		{`attachment; filename=a.txt; x=y`, "a.txt"},
		{`attachment;FileName = 'q'`, "q"},
		{`attachment; filename="open`, "open"},
		{`form-data; name="filename"`, ""},
		{`inline`, ""},
		{``, ""},
	} {
		if got := dispositionName([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s: got %q, want %q", c.in, got, c.want)
		}
	}
}

func TestContentRange(t *testing.T) {
	for _, c := range []struct {
		in   string
		want contentRange
		ok   bool
	}{
		{"bytes 0-9/10", contentRange{0, 9, 10, true, true}, true},
		{"bytes 5-9/*", contentRange{5, 9, 0, true, false}, true},
		{"bytes */10", contentRange{0, 0, 10, false, true}, true},
		{"bytes 9-5/10", contentRange{}, false},
		{"bytes 0-10/10", contentRange{0, 10, 10, true, true}, false},
		{"items 0-1/2", contentRange{}, false},
		{"bytes", contentRange{}, false},
	} {
		got, ok := parseRange([]byte(c.in))
		if got != c.want || ok != c.ok {
			t.Errorf("%s: got %+v %v", c.in, got, ok)
		}
	}
}

func TestHosts(t *testing.T) {
	for _, c := range []struct {
		in, host string
		port     int
		bad      bool
		valid    bool
	}{
		{"a.example", "a.example", -1, false, true},
		{"u:p@a:8080", "a", 8080, false, true},
		{"[::1]:443", "[::1]", 443, false, true},
		{"[::1", "[::1", -1, false, false},
		{"[", "[", -1, false, false},
		{"a:", "a", -1, true, true},
		{"a:99999", "a", -1, true, true},
		{"a b", "a b", -1, false, false},
		{"", "", -1, false, false},
		{"a..b", "a..b", -1, false, false},
	} {
		a := parseAuthority([]byte(c.in))
		if string(a.host) != c.host || a.port != c.port || a.badPort != c.bad || validHost(a.host) != c.valid {
			t.Errorf("%s: got %q %d %v %v", c.in, a.host, a.port, a.badPort, validHost(a.host))
		}
	}
}

func TestURILen(t *testing.T) {
	p := run(t, nil, "GET /%41bc HTTP/1.1\r\nHost: h\r\n\r\n", "") // 4 and 6 bytes
	for _, c := range []struct {
		in   string
		want bool
	}{
		{"4", true}, {"6", false}, {"6,raw", true}, {"4,norm", true}, {"<5", true}, {"<4", false},
		{">3", true}, {">4", false}, {"3<>5", true}, {"4<>6", false}, {"!4", false}, {"!5", true},
		{"<=4", true}, {">=5", false}, {" 4 , raw ", false},
	} {
		test, err := parseURILen(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if got := test(p.txs[0], proto.ToServer); got != c.want {
			t.Errorf("%s: got %v", c.in, got)
		}
	}
	for _, in := range []string{"", "x", "1,foo", "5<>5", "<", "70000", "-1"} {
		if _, err := parseURILen(in); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
}

func TestProbe(t *testing.T) {
	for _, c := range []struct {
		d    proto.Dir
		in   string
		want proto.Verdict
	}{
		{proto.ToServer, "GET / HTTP/1.1\r\n", proto.Accept},
		{proto.ToServer, "\r\n\nGET /", proto.Accept},
		{proto.ToServer, "GE", proto.NeedMore},
		{proto.ToServer, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", proto.Reject},
		{proto.ToServer, "OPTIONS sip:a@b SIP/2.0\r\n", proto.Reject},
		{proto.ToServer, "OPTIONS * HTTP/1.1\r\n", proto.Accept},
		{proto.ToServer, "FOO /x HTTP/1.0\r\n", proto.Accept},
		{proto.ToServer, "EHLO example.com\r\n", proto.Reject},
		{proto.ToServer, "\x16\x03\x01", proto.Reject},
		{proto.ToClient, "HTTP/1.1 200 OK", proto.Accept},
		{proto.ToClient, "HTT", proto.NeedMore},
		{proto.ToClient, "SSH-2.0-x", proto.Reject},
	} {
		if got := probe(c.d, []byte(c.in)); got != c.want {
			t.Errorf("%q: got %v, want %v", c.in, got, c.want)
		}
	}
}
