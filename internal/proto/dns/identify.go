package dns

import "github.com/mirrorwall/mirrorwall/internal/proto"

// identify tells the application classifier which name was asked for.
func identify(t proto.Tx, id *proto.Identity) { id.Hostname = QueryName(t) }
