// Package all lists every protocol: adding one is a folder and a line here.
package all

import (
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/dns"
	"github.com/mirrorwall/mirrorwall/internal/proto/http"
	"github.com/mirrorwall/mirrorwall/internal/proto/quic"
	"github.com/mirrorwall/mirrorwall/internal/proto/ssh"
	"github.com/mirrorwall/mirrorwall/internal/proto/tls"
)

// Protocols returns the descriptors in the order in which flows on unexpected
// ports are probed: the cheapest and least mistakable first.
func Protocols() []*proto.Descriptor {
	return []*proto.Descriptor{
		http.Descriptor(),
		tls.Descriptor(),
		ssh.Descriptor(),
		quic.Descriptor(),
		dns.Descriptor(),
		dns.MDNS(),
		dns.LLMNR(),
	}
}
