package http

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/prototest"
)

const get = "GET /a/b.txt?x=1 HTTP/1.1\r\nHost: Example.com:8080\r\nUser-Agent: test/1\r\nCookie: c=1\r\n\r\n"

const text = "The quick brown fox jumps over the lazy dog, again and again and again."

// reply is a response with a body of known length.
func reply(head, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// pack codes body as kind does.
func pack(kind, body string) string {
	var buf bytes.Buffer
	var w io.WriteCloser
	switch kind {
	case "gzip":
		w = gzip.NewWriter(&buf)
	case "zlib":
		w = zlib.NewWriter(&buf)
	case "deflate":
		w, _ = flate.NewWriter(&buf, 9)
	case "br":
		w = brotli.NewWriter(&buf)
	}
	io.WriteString(w, body)
	w.Close()
	return buf.String()
}

// chunked frames body in chunks of n bytes.
func chunked(body string, n int) string {
	var sb strings.Builder
	for len(body) > 0 {
		k := min(n, len(body))
		fmt.Fprintf(&sb, "%x\r\n%s\r\n", k, body[:k])
		body = body[k:]
	}
	return sb.String() + "0\r\n\r\n"
}

func exchange(name string, parts ...string) prototest.Case {
	c := prototest.Case{Name: name}
	for i, s := range parts {
		if i%2 == 0 {
			c.Script = append(c.Script, prototest.C2S(s))
		} else {
			c.Script = append(c.Script, prototest.S2C(s))
		}
	}
	return c
}

func form() string {
	body := "--bound\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nvalue\r\n" +
		"--bound\r\nContent-Disposition: form-data; name=\"f\"; filename=\"one.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n" +
		text + "\r\n--boundless\r\n--boun\r\n" +
		"--bound\r\nContent-Disposition: form-data; name=\"g\"; filename=two.bin\r\n\r\nsecond\r\n--bound--\r\n"
	return fmt.Sprintf("POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\"bound\"\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func cases() []prototest.Case {
	big := strings.Repeat(text, 2000)
	return []prototest.Case{
		exchange("get", get, reply("Content-Type: text/plain; charset=utf-8\r\nServer: s\r\n", text)),
		exchange("keepalive", get, reply("", "one"), get, reply("", "two"), get, "HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n"),
		exchange("pipelined", get+get+get, reply("", "one")+reply("", "two")+reply("", "three")),
		exchange("chunked", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked(text, 7)),
		exchange("trailer", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"),
		exchange("gzip", get, reply("Content-Encoding: gzip\r\n", pack("gzip", text))),
		exchange("zlib", get, reply("Content-Encoding: deflate\r\n", pack("zlib", text))),
		exchange("deflate", get, reply("Content-Encoding: deflate\r\n", pack("deflate", text))),
		exchange("brotli", get, reply("Content-Encoding: br\r\n", pack("br", text))),
		exchange("stacked", get, reply("Content-Encoding: gzip, deflate\r\n", pack("deflate", pack("gzip", text)))),
		exchange("notcoded", get, reply("Content-Encoding: gzip, deflate\r\n", text)),
		exchange("half", get, reply("Content-Encoding: gzip\r\n", pack("gzip", text)[:40])),
		exchange("form", form(), reply("", "ok")),
		exchange("post", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\na=1&b=2", reply("", "")),
		exchange("postgzip", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked(pack("gzip", text), 9), reply("", "")),
		exchange("continue", "PUT /f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "abc", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"),
		exchange("hints", get, "HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\n"+reply("", text)),
		exchange("head", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", get, reply("", "x")),
		exchange("folded", "GET / HTTP/1.1\r\nHost: a\r\nX: one\r\n two\r\n\tthree\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length:\r\n 3\r\n\r\nabc"),
		exchange("repeated", "GET / HTTP/1.1\r\nHost: a\r\nAccept: x\r\nAccept: y\r\n\r\n", reply("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n", "")),
		exchange("close", get, "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n"+text),
		exchange("http09", "GET /old\r\n", text),
		exchange("barecr", get, "HTTP/1.1 200 OK\rContent-Length: 3\r\n\r\nabc"),
		exchange("barelf", "GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
		exchange("lfcr", get, "HTTP/1.1 200 OK\n\rContent-Length: 3\n\r\r\n\r\nabc"),
		exchange("junkline", get, "foobar\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
		exchange("badchunk", get, "HTTP/1.1 200 OK\r\nTransfer-Encoding: x chunked\r\n\r\nthis is no chunk"),
		exchange("range", get, "HTTP/1.1 206 Partial\r\nContent-Range: bytes 5-7/20\r\nContent-Length: 3\r\n\r\nabc"),
		exchange("absolute", "GET http://u:p@Other.example:81/x%2fy//./z/../w?q=%41#f HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://u:p@c/\r\nContent-Length: 0\r\n\r\n"),
		exchange("credentials", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Turbo secret\r\nCookie: secret\r\nReferer: http://u:secret@b/\r\n\r\n", reply("Set-Cookie: secret\r\n", "")),
		exchange("disposition", get, reply("Content-Disposition: attachment; filename=\"a b.zip\"\r\n", "PK")),
		{Name: "large", NoGolden: true, Script: []prototest.Segment{prototest.C2S(get), prototest.S2C(reply("Content-Encoding: gzip\r\n", pack("gzip", big)))}},
	}
}

// distinct gives the buffers of both directions names of their own: the kit
// wants every name once.
func distinct() *proto.Descriptor {
	d := Descriptor()
	seen := map[string]bool{}
	for i := range d.Buffers {
		b := &d.Buffers[i]
		if seen[b.Name] {
			b.Name += "#response"
			b.Aliases = nil
		}
		seen[b.Name] = true
	}
	return d
}

func TestConformance(t *testing.T) {
	prototest.Run(t, distinct(), cases())
}

func FuzzParser(f *testing.F) {
	all := cases()
	prototest.Fuzz(f, distinct(), all[:len(all)-1]) // without the large one
}
