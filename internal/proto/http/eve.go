package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// appendEVE appends the EVE http object in the extended form of Suricata's
// default configuration. Cookies and Authorization are never in it, and the
// secrets of a URI are masked.
func appendEVE(dst []byte, x proto.Tx, _ proto.LogBit) []byte {
	t, ok := x.(*tx)
	if !ok {
		return append(dst, "{}"...)
	}
	req, res := &t.msg[0], &t.msg[1]
	dst = append(dst, '{')
	if len(t.hostName) > 0 {
		dst = jsonx.String(dst, "hostname", t.hostName)
	}
	if t.port > 0 {
		dst = jsonx.Int(dst, "http_port", int64(t.port))
	}
	dst = t.p.appendURL(dst, "url", t.uriBytes())
	dst = jsonx.StringNotEmpty(dst, "http_user_agent", req.value(hUserAgent))
	if v := res.value(hContentType); len(v) > 0 {
		if i := bytes.IndexByte(v, ';'); i >= 0 {
			v = v[:i]
		}
		dst = jsonx.String(dst, "http_content_type", v)
	}
	dst = appendRange(dst, res.value(hContentRange))
	dst = t.p.appendURL(dst, "http_refer", req.value(hReferer))
	dst = jsonx.StringNotEmpty(dst, "http_method", t.methodBytes())
	if v := req.proto.of(req.raw); len(v) > 0 {
		dst = jsonx.String(dst, "protocol", v)
	} else {
		dst = jsonx.StringNotEmpty(dst, "protocol", res.proto.of(res.raw))
	}
	if t.code > 0 {
		dst = jsonx.Int(dst, "status", int64(t.code))
	} else if v := t.status.of(res.raw); !bytes.ContainsAny(v, ":=@") { // a header in its place
		dst = jsonx.StringNotEmpty(dst, "status_string", v)
	}
	dst = t.p.appendURL(dst, "redirect", res.value(hLocation))
	dst = jsonx.Uint(dst, "length", res.body.wire)
	return append(dst, '}')
}

// appendURL appends a URL as sent, but for its secrets.
func (p *parser) appendURL(dst []byte, name string, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	p.scratch = appendMasked(p.scratch[:0], v)
	return jsonx.String(dst, name, p.scratch)
}

// appendRange appends the response's Content-Range.
func appendRange(dst, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	dst = jsonx.Key(dst, "content_range")
	dst = append(dst, '{')
	dst = jsonx.String(dst, "raw", v)
	if r, ok := parseRange(v); ok {
		if r.hasRange {
			dst = jsonx.Uint(dst, "start", r.start)
			dst = jsonx.Uint(dst, "end", r.end)
		}
		if r.hasSize {
			dst = jsonx.Uint(dst, "size", r.total)
		}
	}
	return append(dst, '}')
}
