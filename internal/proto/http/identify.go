package http

import "github.com/mirrorwall/mirrorwall/internal/proto"

// identify tells the application classifier what x shows of its peers.
func identify(x proto.Tx, id *proto.Identity) {
	id.Hostname, id.Path = Hostname(x), Path(x)
	id.UserAgent, id.Server = UserAgent(x), Server(x)
	if id.ContentType = ContentType(x, proto.ToClient); len(id.ContentType) == 0 {
		id.ContentType = ContentType(x, proto.ToServer)
	}
}
