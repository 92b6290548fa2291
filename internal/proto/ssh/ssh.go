// Package ssh is SSH up to its first NEWKEYS: banners (RFC 4253 §4.2), the
// algorithm negotiation (§7.1) and its HASSH fingerprints.
//
// It owns one transaction a flow, the ssh buffers and keywords and the EVE
// object ssh. Behind the key exchange it looks at nothing: the payload is
// ciphertext, and is neither counted nor buffered here.
package ssh

import (
	"bytes"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

// Progress of a direction, in the order of Descriptor.States.
const (
	inProgress = iota
	bannerWaitEOL
	bannerDone
	kexinitDone
	finished
)

// Events, by Suricata's names.
const (
	evInvalidBanner = iota
	evLongBanner
	evInvalidRecord
	evLongKexRecord
)

// Buffer ids. A banner belongs to both sides and comes twice, the client's
// first: the ids differ, the name is the same.
const (
	bufProtoClient = iota
	bufProtoServer
	bufSoftwareClient
	bufSoftwareServer
	bufHASSH
	bufHASSHString
	bufHASSHServer
	bufHASSHServerString
)

// Descriptor describes SSH.
func Descriptor() *proto.Descriptor {
	return &proto.Descriptor{
		Name:      "ssh",
		TCP:       true,
		Ports:     []uint16{22, 2222},
		Probe:     probe,
		New:       newParser,
		Buffers:   buffers(),
		Keywords:  keywords(),
		EVE:       "ssh",
		AppendEVE: appendEVE,
		Frames:    frameNames(),
		Events: []string{
			evInvalidBanner: "invalid_banner",
			evLongBanner:    "long_banner",
			evInvalidRecord: "invalid_record",
			evLongKexRecord: "long_kex_record",
		},
		States: [2][]string{
			proto.ToServer: {
				"request_in_progress", "request_banner_wait_eol", "request_banner_done",
				"request_kexinit_done", "request_finished",
			},
			proto.ToClient: {
				"response_in_progress", "response_banner_wait_eol", "response_banner_done",
				"response_kexinit_done", "response_finished",
			},
		},
	}
}

// bannerStart begins the identification string of either side.
const bannerStart = "SSH-"

func probe(_ proto.Dir, b []byte) proto.Verdict {
	n := min(len(b), len(bannerStart))
	switch {
	case string(b[:n]) != bannerStart[:n]:
		return proto.Reject
	case n < len(bannerStart):
		return proto.NeedMore
	}
	return proto.Accept
}

func buffers() []proto.Buffer {
	side := func(name string, dir proto.DirMask, progress uint8, aliases ...string) proto.Buffer {
		return proto.Buffer{Name: name, Aliases: aliases, Dir: dir, Progress: progress}
	}
	return []proto.Buffer{
		bufProtoClient:    side("ssh.proto", proto.MaskServer, bannerDone, "ssh_proto"),
		bufProtoServer:    side("ssh.proto", proto.MaskClient, bannerDone, "ssh_proto"),
		bufSoftwareClient: side("ssh.software", proto.MaskServer, bannerDone, "ssh_software"),
		bufSoftwareServer: side("ssh.software", proto.MaskClient, bannerDone, "ssh_software"),
		bufHASSH:          side("ssh.hassh", proto.MaskServer, kexinitDone, "ssh-hassh"),
		bufHASSHString:    side("ssh.hassh.string", proto.MaskServer, kexinitDone, "ssh-hassh-string"),
		bufHASSHServer:    side("ssh.hassh.server", proto.MaskClient, kexinitDone, "ssh-hassh-server"),
		bufHASSHServerString: side("ssh.hassh.server.string", proto.MaskClient, kexinitDone,
			"ssh-hassh-server-string"),
	}
}

// banner is one side's identification and fingerprint.
type banner struct {
	proto    []byte // "2.0"
	software []byte // "OpenSSH_9.6", comments excluded
	hassh    []byte // 32 hex digits
	lists    []byte // the string that hassh is made of
}

// tx is the one transaction of a flow.
type tx struct {
	proto.TxBase
	sides [2]banner
}

// Base implements proto.Tx.
func (t *tx) Base() *proto.TxBase { return &t.TxBase }

// Buffer implements proto.Tx.
func (t *tx) Buffer(id uint8, i int) (b []byte, ok bool) {
	if i != 0 {
		return nil, false
	}
	client, server := &t.sides[proto.ToServer], &t.sides[proto.ToClient]
	switch id {
	case bufProtoClient:
		b = client.proto
	case bufProtoServer:
		b = server.proto
	case bufSoftwareClient:
		b = client.software
	case bufSoftwareServer:
		b = server.software
	case bufHASSH:
		b = client.hassh
	case bufHASSHString:
		b = client.lists
	case bufHASSHServer:
		b = server.hassh
	case bufHASSHServerString:
		b = server.lists
	}
	return b, len(b) > 0
}

func (t *tx) reset() {
	t.ResetBase()
	for i := range t.sides {
		s := &t.sides[i]
		*s = banner{s.proto[:0], s.software[:0], s.hassh[:0], s.lists[:0]}
	}
}

func (t *tx) advance(d proto.Dir, to uint8) {
	t.Progress[d] = max(t.Progress[d], to)
}

// known reports whether direction d has shown a banner.
func (t *tx) known(d proto.Dir) bool { return len(t.sides[d].proto) > 0 }

// setBanner reads "SSH-<version>-<software>[ <comments>]".
func (t *tx) setBanner(d proto.Dir, line []byte) (ok bool) {
	line, ok = bytes.CutPrefix(line, []byte(bannerStart))
	if !ok {
		return false
	}
	version, rest, ok := bytes.Cut(line, []byte{'-'})
	if !ok || len(version) == 0 {
		return false
	}
	software, _, _ := bytes.Cut(rest, []byte{' '})
	s := &t.sides[d]
	s.proto = append(s.proto[:0], version...)
	s.software = append(s.software[:0], software...)
	return true
}

// one reports whether either side speaks only version 1, whose packets are
// others; 1.99 means 2 with 1 for those who ask (RFC 4253 §5.1).
func (t *tx) one() bool {
	for i := range t.sides {
		if v := t.sides[i].proto; len(v) > 0 && v[0] == '1' && string(v) != "1.99" {
			return true
		}
	}
	return false
}

// Software is the software version in the banner of the side that sends in
// direction d; borrowed until the parser's next call.
func Software(t proto.Tx, d proto.Dir) []byte {
	if t, ok := t.(*tx); ok {
		return t.sides[d].software
	}
	return nil
}

// HASSH is the fingerprint of the side that sends in direction d, 32 hex
// digits; empty before its KEXINIT.
func HASSH(t proto.Tx, d proto.Dir) []byte {
	if t, ok := t.(*tx); ok {
		return t.sides[d].hassh
	}
	return nil
}
