package traffic

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strconv"
	"strings"
)

// User agents of the scenarios.
const (
	uaChrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	uaSafari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
	uaCurl   = "curl/8.11.0"
)

// request is an HTTP/1.1 request (RFC 9112 §2).
type request struct {
	method, path, host, agent string
	headers                   []string // "Name: value"
	body                      []byte
}

func (r request) bytes() []byte {
	if r.method == "" {
		r.method = "GET"
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, r.host)
	if r.agent != "" {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", r.agent)
	}
	if len(r.headers) == 0 {
		b.WriteString("Accept: */*\r\n")
	}
	for _, h := range r.headers {
		b.WriteString(h + "\r\n")
	}
	if len(r.body) > 0 || r.method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}

// response is an HTTP/1.1 response.
type response struct {
	status  string // "200 OK"
	server  string
	ctype   string
	headers []string
	body    []byte
	gzip    bool
	chunked bool
}

func (r response) bytes() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\nDate: Mon, 23 Nov 2026 10:00:00 GMT\r\n", r.status)
	if r.server == "" {
		r.server = "nginx/1.26.2"
	}
	fmt.Fprintf(&b, "Server: %s\r\n", r.server)
	if r.ctype != "" {
		fmt.Fprintf(&b, "Content-Type: %s\r\n", r.ctype)
	}
	for _, h := range r.headers {
		b.WriteString(h + "\r\n")
	}
	if r.gzip {
		r.body = zip(r.body)
		b.WriteString("Content-Encoding: gzip\r\n")
	}
	if r.chunked {
		b.WriteString("Transfer-Encoding: chunked\r\n\r\n")
		b.Write(chunks(r.body))
		return b.Bytes()
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n", len(r.body))
	b.Write(r.body)
	return b.Bytes()
}

// zip compresses; writing to memory cannot go wrong.
func zip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// chunks applies the chunked coding (RFC 9112 §7.1) in pieces of 1,000 bytes.
func chunks(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := min(len(b), 1000)
		out = strconv.AppendInt(out, int64(n), 16)
		out = append(out, "\r\n"...)
		out = append(out, b[:n]...)
		out = append(out, "\r\n"...)
		b = b[n:]
	}
	return append(out, "0\r\n\r\n"...)
}

// exchange is a request and its response.
func (c *Conv) exchange(q request, r response) {
	c.Client(q.bytes())
	c.Server(r.bytes())
}

// page is a web page of about n bytes.
func page(title string, n int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "<!doctype html><html><head><title>%s</title></head><body>", title)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "<div class=\"item\"><a href=\"/item/%d\">Article no. %d</a> in stock</div>\n", i, i*37%1000)
	}
	b.WriteString("</body></html>")
	return []byte(b.String())
}

// picture is a PNG: signature, header chunk, and n bytes of noise.
func (s *Scene) picture(n int) []byte {
	b := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00\x00\x00\x01\x00\x08\x06\x00\x00\x00\x5c\x72\xa8\x66")
	return append(b, s.bytes(n)...)
}
