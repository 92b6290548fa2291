package traffic

// HTTP/2 in the clear with prior knowledge (RFC 9113 §3.3), as gRPC uses it
// inside a VPC.

// Frame types and flags (RFC 9113 §6).
const (
	h2Data     = 0
	h2Headers  = 1
	h2Settings = 4

	h2EndStream  = 0x1
	h2Ack        = 0x1
	h2EndHeaders = 0x4
)

// h2Frame is one frame.
func h2Frame(typ, flags byte, stream uint32, body []byte) []byte {
	n := len(body)
	b := []byte{byte(n >> 16), byte(n >> 8), byte(n), typ, flags}
	return append(be.AppendUint32(b, stream), body...)
}

// field is an HPACK literal without indexing and with a new name
// (RFC 7541 §6.2.2).
func field(b []byte, name, value string) []byte {
	return v8(v8(append(b, 0), []byte(name)), []byte(value))
}

// grpcMessage is an uncompressed length-prefixed message of one protobuf
// string, field 1.
func grpcMessage(v string) []byte {
	m := v8([]byte{0x0a}, []byte(v))
	return append(be.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

func grpc(s *Scene) {
	c := s.TCP(s.client(s.app()), at(host(2, 21), 50051))
	hello := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	c.Client(append(hello, h2Frame(h2Settings, 0, 0, []byte{0, 2, 0, 0, 0, 0, 0, 4, 0, 0x40, 0, 0})...))
	c.Server(append(h2Frame(h2Settings, 0, 0, []byte{0, 3, 0, 0, 0, 100}), h2Frame(h2Settings, h2Ack, 0, nil)...))
	c.Client(h2Frame(h2Settings, h2Ack, 0, nil))
	for stream := uint32(1); stream <= 5; stream += 2 {
		h := []byte{0x83, 0x86} // :method POST, :scheme http
		h = v8(append(h, 0x04), []byte("/shop.Stock/Reserve"))
		h = v8(append(h, 0x01), []byte("stock.internal:50051"))
		h = field(h, "content-type", "application/grpc")
		h = field(h, "user-agent", "grpc-go/1.68.0")
		h = field(h, "te", "trailers")
		q := h2Frame(h2Headers, h2EndHeaders, stream, h)
		c.Client(append(q, h2Frame(h2Data, h2EndStream, stream, grpcMessage("item-"+s.letters(6, hexDigits)))...))
		r := h2Frame(h2Headers, h2EndHeaders, stream, field([]byte{0x88}, "content-type", "application/grpc"))
		r = append(r, h2Frame(h2Data, 0, stream, grpcMessage("reserved"))...)
		c.Server(append(r, h2Frame(h2Headers, h2EndHeaders|h2EndStream, stream, field(nil, "grpc-status", "0"))...))
	}
	c.Close()
}
