package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// The accessors below serve the application classifier. They return nil for a
// transaction of another protocol and for what is not known yet; slices are
// borrowed until the parser's next call.

// Hostname is the host that a request names, in lower case and without port.
func Hostname(x proto.Tx) []byte {
	if t, ok := x.(*tx); ok {
		return t.hostName
	}
	return nil
}

// UserAgent is the request's User-Agent.
func UserAgent(x proto.Tx) []byte { return headerValue(x, proto.ToServer, hUserAgent) }

// Server is the response's Server header.
func Server(x proto.Tx) []byte { return headerValue(x, proto.ToClient, hServer) }

// ContentType is the Content-Type of direction d.
func ContentType(x proto.Tx, d proto.Dir) []byte { return headerValue(x, d, hContentType) }

// Path is the normalised path of the request, without query.
func Path(x proto.Tx) []byte {
	if t, ok := x.(*tx); ok {
		return t.path()
	}
	return nil
}

// Method is the request's method as it was sent.
func Method(x proto.Tx) []byte {
	if t, ok := x.(*tx); ok {
		return t.methodBytes()
	}
	return nil
}

// Status is the response's status, 0 when it is not known or no number.
func Status(x proto.Tx) int {
	if t, ok := x.(*tx); ok && t.code > 0 {
		return t.code
	}
	return 0
}

func headerValue(x proto.Tx, d proto.Dir, id uint8) []byte {
	t, ok := x.(*tx)
	if !ok || t.Progress[d] < progHeaders {
		return nil
	}
	return t.msg[d].value(id)
}
