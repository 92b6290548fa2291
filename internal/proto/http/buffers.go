package http

import (
	"errors"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Buffer ids: the request's, then the response's. A buffer of both directions
// is two entries of one name.
const (
	bURI uint8 = iota
	bURIRaw
	bMethod
	bRequestLine
	bProtocolReq
	bHost
	bHostRaw
	bUserAgent
	bReferer
	bCookieReq
	bHeaderReq
	bHeaderRawReq
	bHeaderNamesReq
	bRequestHeader
	bAccept
	bAcceptEnc
	bAcceptLang
	bConnectionReq
	bContentLenReq
	bContentTypeReq
	bStartReq
	bRequestBody
	bFileDataReq
	bFileNameReq
	bFileMagicReq
	bResponseLine
	bProtocolRes
	bCookieRes
	bHeaderRes
	bHeaderRawRes
	bHeaderNamesRes
	bResponseHeader
	bConnectionRes
	bContentLenRes
	bContentTypeRes
	bLocation
	bServer
	bStartRes
	bResponseBody
	bStatCode
	bStatMsg
	bFileDataRes
	bFileNameRes
	bFileMagicRes
	numBuffers
)

// Caches of one message.
const (
	cNorm   = iota // every header as "Name: value", CR LF
	cHeader        // the same without cookies
	cNames
	cStart
	numCached
)

var errUpper = errors.New("http.host: upper case never matches")

// checkHostContent refuses contents that a name in lower case can't hold.
func checkHostContent(content []byte, _ bool) error {
	for _, c := range content {
		if c >= 'A' && c <= 'Z' {
			return errUpper
		}
	}
	return nil
}

// buffers lists the sticky buffers; the order is that of the ids.
func buffers() []proto.Buffer {
	const s, c = proto.MaskServer, proto.MaskClient
	return []proto.Buffer{
		bURI:            {Name: "http.uri", Aliases: []string{"http.uri.normalized"}, Modifier: "http_uri", PCRE: 'U', Dir: s, Progress: progLine},
		bURIRaw:         {Name: "http.uri.raw", Modifier: "http_raw_uri", PCRE: 'I', Dir: s, Progress: progLine},
		bMethod:         {Name: "http.method", Modifier: "http_method", PCRE: 'M', Dir: s, Progress: progLine, Priority: 1},
		bRequestLine:    {Name: "http.request_line", Aliases: []string{"http_request_line"}, Dir: s, Progress: progLine},
		bProtocolReq:    {Name: "http.protocol", Aliases: []string{"http_protocol"}, Dir: s, Progress: progLine, Priority: 1},
		bHost:           {Name: "http.host", Modifier: "http_host", PCRE: 'W', Dir: s, Progress: progHeaders, Check: checkHostContent},
		bHostRaw:        {Name: "http.host.raw", Modifier: "http_raw_host", PCRE: 'Z', Dir: s, Progress: progHeaders},
		bUserAgent:      {Name: "http.user_agent", Modifier: "http_user_agent", PCRE: 'V', Dir: s, Progress: progHeaders},
		bReferer:        {Name: "http.referer", Aliases: []string{"http_referer"}, Dir: s, Progress: progHeaders},
		bCookieReq:      {Name: "http.cookie", Modifier: "http_cookie", PCRE: 'C', Dir: s, Progress: progHeaders},
		bHeaderReq:      {Name: "http.header", Modifier: "http_header", PCRE: 'H', Dir: s, Progress: progHeaders},
		bHeaderRawReq:   {Name: "http.header.raw", Modifier: "http_raw_header", PCRE: 'D', Dir: s, Progress: progHeaders},
		bHeaderNamesReq: {Name: "http.header_names", Aliases: []string{"http_header_names"}, Dir: s, Progress: progHeaders},
		bRequestHeader:  {Name: "http.request_header", Dir: s, Progress: progHeaders, Multi: true},
		bAccept:         {Name: "http.accept", Aliases: []string{"http_accept"}, Dir: s, Progress: progHeaders},
		bAcceptEnc:      {Name: "http.accept_enc", Aliases: []string{"http_accept_enc"}, Dir: s, Progress: progHeaders},
		bAcceptLang:     {Name: "http.accept_lang", Aliases: []string{"http_accept_lang"}, Dir: s, Progress: progHeaders},
		bConnectionReq:  {Name: "http.connection", Aliases: []string{"http_connection"}, Dir: s, Progress: progHeaders},
		bContentLenReq:  {Name: "http.content_len", Aliases: []string{"http_content_len"}, Dir: s, Progress: progHeaders},
		bContentTypeReq: {Name: "http.content_type", Aliases: []string{"http_content_type"}, Dir: s, Progress: progHeaders},
		bStartReq:       {Name: "http.start", Aliases: []string{"http_start"}, Dir: s, Progress: progHeaders},
		bRequestBody:    {Name: "http.request_body", Modifier: "http_client_body", PCRE: 'P', Dir: s, Progress: progBody, Stream: true},
		bFileDataReq:    {Name: "file.data", Aliases: []string{"file_data"}, Dir: s, Progress: progBody, Multi: true, Stream: true},
		bFileNameReq:    {Name: "file.name", Dir: s, Progress: progComplete, Multi: true},
		bFileMagicReq:   {Name: "file.magic", Dir: s, Progress: progComplete, Multi: true},
		bResponseLine:   {Name: "http.response_line", Aliases: []string{"http_response_line"}, Dir: c, Progress: progLine},
		bProtocolRes:    {Name: "http.protocol", Aliases: []string{"http_protocol"}, Dir: c, Progress: progLine, Priority: 1},
		bCookieRes:      {Name: "http.cookie", Modifier: "http_cookie", PCRE: 'C', Dir: c, Progress: progHeaders},
		bHeaderRes:      {Name: "http.header", Modifier: "http_header", PCRE: 'H', Dir: c, Progress: progHeaders},
		bHeaderRawRes:   {Name: "http.header.raw", Modifier: "http_raw_header", PCRE: 'D', Dir: c, Progress: progHeaders},
		bHeaderNamesRes: {Name: "http.header_names", Aliases: []string{"http_header_names"}, Dir: c, Progress: progHeaders},
		bResponseHeader: {Name: "http.response_header", Dir: c, Progress: progHeaders, Multi: true},
		bConnectionRes:  {Name: "http.connection", Aliases: []string{"http_connection"}, Dir: c, Progress: progHeaders},
		bContentLenRes:  {Name: "http.content_len", Aliases: []string{"http_content_len"}, Dir: c, Progress: progHeaders},
		bContentTypeRes: {Name: "http.content_type", Aliases: []string{"http_content_type"}, Dir: c, Progress: progHeaders},
		bLocation:       {Name: "http.location", Dir: c, Progress: progHeaders},
		bServer:         {Name: "http.server", Dir: c, Progress: progHeaders},
		bStartRes:       {Name: "http.start", Aliases: []string{"http_start"}, Dir: c, Progress: progHeaders},
		bResponseBody:   {Name: "http.response_body", Modifier: "http_server_body", PCRE: 'Q', Dir: c, Progress: progBody, Stream: true, SameAs: "file.data"},
		bStatCode:       {Name: "http.stat_code", Modifier: "http_stat_code", PCRE: 'S', Dir: c, Progress: progLine, Priority: 1},
		bStatMsg:        {Name: "http.stat_msg", Modifier: "http_stat_msg", PCRE: 'Y', Dir: c, Progress: progLine, Priority: 1},
		bFileDataRes:    {Name: "file.data", Aliases: []string{"file_data"}, Dir: c, Progress: progBody, Multi: true, Stream: true},
		bFileNameRes:    {Name: "file.name", Dir: c, Progress: progComplete, Multi: true},
		bFileMagicRes:   {Name: "file.magic", Dir: c, Progress: progComplete, Multi: true},
	}
}

// headerOf names the header that a plain header buffer shows.
func headerOf(id uint8) uint8 {
	switch id {
	case bUserAgent:
		return hUserAgent
	case bReferer:
		return hReferer
	case bCookieReq:
		return hCookie
	case bCookieRes:
		return hSetCookie
	case bAccept:
		return hAccept
	case bAcceptEnc:
		return hAcceptEncoding
	case bAcceptLang:
		return hAcceptLanguage
	case bConnectionReq, bConnectionRes:
		return hConnection
	case bContentLenReq, bContentLenRes:
		return hContentLength
	case bContentTypeReq, bContentTypeRes:
		return hContentType
	case bLocation:
		return hLocation
	case bServer:
		return hServer
	}
	return hOther
}

// Buffer implements proto.Tx.
func (t *tx) Buffer(id uint8, i int) ([]byte, bool) {
	d := proto.ToServer
	if id >= bResponseLine {
		d = proto.ToClient
	}
	m := &t.msg[d]
	switch id {
	case bRequestHeader, bResponseHeader:
		return m.one(d, i)
	case bFileDataReq:
		return t.fileData(i)
	case bFileNameReq, bFileNameRes:
		f := t.file(d, i)
		return f.Name, len(f.Name) > 0
	case bFileMagicReq, bFileMagicRes:
		b := t.file(d, i).Magic()
		return b, len(b) > 0
	}
	if i != 0 {
		return nil, false
	}
	switch id {
	case bRequestBody, bResponseBody, bFileDataRes:
		return m.body.view()
	}
	b := t.buffer(id, d, m)
	return b, len(b) > 0
}

// buffer returns the buffers of a head; empty means absent.
func (t *tx) buffer(id uint8, d proto.Dir, m *message) []byte {
	switch id {
	case bURI:
		return t.norm
	case bURIRaw:
		return t.uriBytes()
	case bMethod:
		return t.methodBytes()
	case bRequestLine, bResponseLine:
		return m.line.of(m.raw)
	case bProtocolReq, bProtocolRes:
		return m.proto.of(m.raw)
	case bStatCode:
		return t.status.of(m.raw)
	case bStatMsg:
		return t.reason.of(m.raw)
	}
	if t.Progress[d] < progHeaders {
		return nil
	}
	switch id {
	case bHost:
		return t.hostName
	case bHostRaw:
		if h := t.target.host.of(m.raw); len(h) > 0 {
			return parseAuthority(h).host
		}
		return m.value(hHost)
	case bHeaderReq, bHeaderRes:
		return m.normal(d)
	case bHeaderRawReq, bHeaderRawRes:
		return m.head.of(m.raw)
	case bHeaderNamesReq, bHeaderNamesRes:
		return m.names(d)
	case bStartReq, bStartRes:
		return m.start(d)
	}
	return m.value(headerOf(id))
}
