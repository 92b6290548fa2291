package http

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// appendEVE appends the EVE http object in the extended form of Suricata's
// default configuration. Cookies and Authorization are never in it, and the
// credentials of a URI are masked.
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
	} else {
		dst = jsonx.StringNotEmpty(dst, "status_string", t.status.of(res.raw))
	}
	dst = t.p.appendURL(dst, "redirect", res.value(hLocation))
	dst = jsonx.Uint(dst, "length", res.body.wire)
	return append(dst, '}')
}

// appendURL appends a URL as sent, but for its credentials (userinfo, RFC 3986
// §3.2.1), which are masked.
func (p *parser) appendURL(dst []byte, name string, v []byte) []byte {
	if len(v) == 0 {
		return dst
	}
	from := schemeLen(v)
	if from == 0 {
		return jsonx.String(dst, name, v)
	}
	end := from
	for end < len(v) && v[end] != '/' && v[end] != '?' && v[end] != '#' {
		end++
	}
	at := bytes.LastIndexByte(v[from:end], '@')
	if at < 0 {
		return jsonx.String(dst, name, v)
	}
	b := append(p.scratch[:0], v[:from]...)
	b = append(b, "***"...)
	b = append(b, v[from+at:]...)
	p.scratch = b
	return jsonx.String(dst, name, b)
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
