package record

import (
	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Frame appends the object "frame" of an alert that was found in one, as
// Suricata does but without its bytes. length is how much of it was there, all
// of it if whole; stream says that it is one of a stream.
func (e *Encoder) Frame(f *proto.Frame, name string, d packet.Dir, stream bool, length int, whole bool) {
	b := append(jsonx.Key(e.Buf, "frame"), '{')
	b = jsonx.String(b, "type", name)
	b = jsonx.Uint(b, "id", f.ID)
	dir := "toserver"
	if d == packet.ToClient {
		dir = "toclient"
	}
	b = jsonx.String(b, "direction", dir)
	if stream {
		b = jsonx.Uint(b, "stream_offset", f.Offset)
	}
	b = jsonx.Uint(b, "length", uint64(max(length, f.Len)))
	b = jsonx.Bool(b, "complete", whole)
	if f.HasTx {
		b = jsonx.Uint(b, "tx_id", f.Tx)
	}
	e.Buf = append(b, '}')
}
