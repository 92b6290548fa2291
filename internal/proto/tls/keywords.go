package tls

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/internal/tlshello"
)

func keywords() []proto.Keyword {
	hello := func(name string, parse func(string) (proto.TxTest, error), aliases ...string) proto.Keyword {
		return proto.Keyword{
			Name: name, Aliases: aliases, Dir: proto.MaskBoth, Progress: 1, Parse: parse,
		}
	}
	// serverCertDone is the same number as clientCertDone.
	cert := func(name string, dir proto.DirMask, parse func(string) (proto.TxTest, error)) proto.Keyword {
		return proto.Keyword{Name: name, Dir: dir, Progress: serverCertDone, Parse: parse}
	}
	return []proto.Keyword{
		hello("tls.version", parseVersion),
		hello("ssl_version", parseSSLVersion),
		{Name: "ssl_state", Dir: proto.MaskBoth, Progress: clientHandshakeDone, Parse: parseState},
		cert("tls.subject", proto.MaskBoth, parseName(func(c *chain) []byte { return c.leaf.Subject })),
		cert("tls.issuerdn", proto.MaskBoth, parseName(func(c *chain) []byte { return c.leaf.Issuer })),
		cert("tls.fingerprint", proto.MaskBoth, parseFingerprint),
		cert("tls.cert_chain_len", proto.MaskBoth, parseChainLen),
		cert("tls_cert_notbefore", proto.MaskClient, parseDate(func(c *chain) int64 { return c.leaf.NotBefore })),
		cert("tls_cert_notafter", proto.MaskClient, parseDate(func(c *chain) int64 { return c.leaf.NotAfter })),
		cert("tls_cert_expired", proto.MaskClient, flag("tls_cert_expired", expired)),
		cert("tls_cert_valid", proto.MaskClient, flag("tls_cert_valid", valid)),
		{
			Name: "tls_store", Aliases: []string{"tls.store"}, Dir: proto.MaskBoth,
			Parse: flag("tls_store", func(proto.Tx, proto.Dir) bool { return true }),
		},
	}
}

// flag makes the reader of a keyword that takes no value.
func flag(name string, test proto.TxTest) func(string) (proto.TxTest, error) {
	return func(value string) (proto.TxTest, error) {
		if value != "" {
			return nil, fmt.Errorf("%s: unexpected value %q", name, value)
		}
		return test, nil
	}
}

// unquote takes the quotes off a value, and the '!' before them.
func unquote(value string) (text string, negated bool) {
	text, negated = strings.CutPrefix(strings.TrimSpace(value), "!")
	text = strings.TrimSpace(text)
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	return text, negated
}

// parseVersion reads tls.version: 1.0 to 1.3, or a number as it stands in the
// hello.
func parseVersion(value string) (proto.TxTest, error) {
	text, negated := unquote(value)
	var want uint16
	switch text {
	case "1.0", "1.1", "1.2", "1.3":
		want = tlshello.TLS10 + uint16(text[2]-'0')
	default:
		v, err := strconv.ParseUint(text, 0, 16)
		if err != nil || !strings.HasPrefix(text, "0x") {
			return nil, fmt.Errorf("tls.version: unknown version %q", text)
		}
		want = uint16(v)
	}
	return func(x proto.Tx, d proto.Dir) bool {
		return (x.(*tx).side(d).version == want) != negated
	}, nil
}

// versionSet is a set of the versions that ssl_version names.
type versionSet uint8

func sslVersion(name string) (v uint16, ok bool) {
	switch strings.ToLower(name) {
	case "sslv2":
		return tlshello.SSL20, true
	case "sslv3":
		return tlshello.SSL30, true
	case "tls1.0":
		return tlshello.TLS10, true
	case "tls1.1":
		return tlshello.TLS11, true
	case "tls1.2":
		return tlshello.TLS12, true
	case "tls1.3":
		return tlshello.TLS13, true
	}
	return 0, false
}

func versionBit(v uint16) versionSet {
	switch {
	case v == tlshello.SSL20:
		return 1
	case v >= tlshello.SSL30 && v <= tlshello.TLS13:
		return 2 << (v - tlshello.SSL30)
	case v>>8 == 0x7f || v>>8 == 0xfb:
		return versionBit(tlshello.TLS13)
	}
	return 0
}

// parseSSLVersion reads ssl_version: a list of versions; a '!' in front of the
// first means none of the list.
func parseSSLVersion(value string) (proto.TxTest, error) {
	text, negated := unquote(value)
	var set versionSet
	for i, name := range strings.Split(text, ",") {
		name, no := strings.CutPrefix(strings.TrimSpace(name), "!")
		if no && (i == 0 || !negated) {
			return nil, errors.New("ssl_version: a negated version among others")
		}
		v, ok := sslVersion(strings.TrimSpace(name))
		if !ok {
			return nil, fmt.Errorf("ssl_version: unknown version %q", name)
		}
		set |= versionBit(v)
	}
	return func(x proto.Tx, d proto.Dir) bool {
		bit := versionBit(x.(*tx).side(d).version)
		return bit != 0 && (bit&set != 0) != negated
	}, nil
}

// States of ssl_state.
const (
	stateClientHello = 1 << iota
	stateServerHello
	stateClientKeyX
	stateServerKeyX
	stateUnknown
)

func (t *tx) states() (set uint8) {
	for i, on := range [...]bool{t.client.seen, t.server.seen, t.clientKey, t.serverKey} {
		if on {
			set |= 1 << i
		}
	}
	if set == 0 {
		return stateUnknown
	}
	return set
}

// parseState reads ssl_state: states with ',' or '|' between them, each of
// which may be negated; one that holds is enough.
func parseState(value string) (proto.TxTest, error) {
	var yes, no uint8
	text := strings.Trim(value, `"`)
	for _, name := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '|' }) {
		name, negated := strings.CutPrefix(strings.TrimSpace(name), "!")
		var bit uint8
		switch strings.TrimSpace(name) {
		case "client_hello":
			bit = stateClientHello
		case "server_hello":
			bit = stateServerHello
		case "client_keyx":
			bit = stateClientKeyX
		case "server_keyx":
			bit = stateServerKeyX
		case "unknown":
			bit = stateUnknown
		default:
			return nil, fmt.Errorf("ssl_state: unknown state %q", name)
		}
		if negated {
			no |= bit
		} else {
			yes |= bit
		}
	}
	if yes|no == 0 {
		return nil, errors.New("ssl_state: no state")
	}
	return func(x proto.Tx, _ proto.Dir) bool {
		set := x.(*tx).states()
		return set&yes != 0 || ^set&no != 0
	}, nil
}

// parseName makes the reader of tls.subject and tls.issuerdn: the text is
// anywhere in the name.
func parseName(field func(*chain) []byte) func(string) (proto.TxTest, error) {
	return func(value string) (proto.TxTest, error) {
		text, negated := unquote(value)
		if text == "" {
			return nil, errors.New("no text")
		}
		want := []byte(text)
		return func(x proto.Tx, d proto.Dir) bool {
			c := &x.(*tx).certs[d]
			return c.count > 0 && bytes.Contains(field(c), want) != negated
		}, nil
	}
}

// parseFingerprint reads tls.fingerprint: a SHA-1 as hex pairs and colons, in
// either case.
func parseFingerprint(value string) (proto.TxTest, error) {
	text, negated := unquote(value)
	want := []byte(strings.ToLower(text))
	if len(want) != 59 {
		return nil, fmt.Errorf("tls.fingerprint: want 20 hex pairs, got %q", text)
	}
	return func(x proto.Tx, d proto.Dir) bool {
		c := &x.(*tx).certs[d]
		return c.count > 0 && bytes.Equal(c.fingerprint, want) != negated
	}, nil
}
