package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/base/jsonx"
	"github.com/mirrorwall/mirrorwall/internal/proto"
)

func keywords() []proto.Keyword {
	return []proto.Keyword{
		{Name: "ssh.protoversion", Dir: proto.MaskBoth, Progress: bannerDone, Parse: parseProtoVersion},
		{Name: "ssh.softwareversion", Dir: proto.MaskBoth, Progress: bannerDone, Parse: parseSoftware},
	}
}

// parseProtoVersion reads ssh.protoversion: a version, or 2_compat for all
// that can speak 2.
func parseProtoVersion(value string) (proto.TxTest, error) {
	want := []byte(strings.Trim(value, `"`))
	if string(want) == "2_compat" {
		return func(x proto.Tx, d proto.Dir) bool {
			v := string(x.(*tx).sides[d].proto)
			return v == "2" || v == "2.0" || v == "1.99"
		}, nil
	}
	if len(want) == 0 || want[0] < '0' || want[0] > '9' {
		return nil, fmt.Errorf("ssh.protoversion: want a version, got %q", value)
	}
	return func(x proto.Tx, d proto.Dir) bool {
		return bytes.Equal(x.(*tx).sides[d].proto, want)
	}, nil
}

// parseSoftware reads ssh.softwareversion: text inside the software version.
func parseSoftware(value string) (proto.TxTest, error) {
	want := []byte(strings.Trim(value, `"`))
	if len(want) == 0 {
		return nil, errors.New("ssh.softwareversion: no text")
	}
	return func(x proto.Tx, d proto.Dir) bool {
		return bytes.Contains(x.(*tx).sides[d].software, want)
	}, nil
}

// appendEVE appends the ssh object.
func appendEVE(dst []byte, x proto.Tx, _ proto.LogBit) []byte {
	t := x.(*tx)
	dst = append(dst, '{')
	dst = appendSide(dst, "client", &t.sides[proto.ToServer])
	dst = appendSide(dst, "server", &t.sides[proto.ToClient])
	return append(dst, '}')
}

func appendSide(dst []byte, key string, s *banner) []byte {
	if len(s.proto) == 0 {
		return dst
	}
	dst = append(jsonx.Key(dst, key), '{')
	dst = jsonx.String(dst, "proto_version", s.proto)
	dst = jsonx.StringNotEmpty(dst, "software_version", s.software)
	if len(s.hassh) > 0 {
		dst = append(jsonx.Key(dst, "hassh"), '{')
		dst = jsonx.String(dst, "hash", s.hassh)
		dst = append(jsonx.String(dst, "string", s.lists), '}')
	}
	return append(dst, '}')
}
