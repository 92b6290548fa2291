package tls

import "github.com/mirrorwall/mirrorwall/internal/proto"

// identify tells the application classifier what the handshake shows: the
// server's choice of ALPN counts before the client's first offer.
func identify(t proto.Tx, id *proto.Identity) {
	id.Hostname, id.JA4 = SNI(t), JA4(t)
	client, server := ALPN(t)
	if id.ALPN = server; len(server) == 0 {
		id.ALPN = client
	}
	if name := CertSubjectCN(t); len(name) > 0 {
		id.CertNames = append(id.CertNames, name)
	}
	for i := 0; ; i++ {
		name, ok := SAN(t, i)
		if !ok {
			return
		}
		id.CertNames = append(id.CertNames, name)
	}
}
