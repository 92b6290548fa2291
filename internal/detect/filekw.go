package detect

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func fileKeywords() []keyword {
	return []keyword{
		{name: "filename", parse: parseFileName(func(name, pat []byte) bool {
			return bytes.Contains(bytes.ToLower(name), pat)
		})},
		{name: "fileext", parse: parseFileName(func(name, pat []byte) bool {
			i := bytes.LastIndexByte(name, '.')
			return i >= 0 && bytes.EqualFold(name[i+1:], pat)
		})},
		{name: "filesize", parse: parseFileSize},
		{name: "filestore", arg: argOptional, parse: parseFilestore},
		{name: "filemagic", parse: parseFileMagic},
		{name: "filemd5", parse: parseFileHash(md5.Size, true, func(f *proto.File) []byte { return f.MD5[:] })},
		{name: "filesha1", parse: parseFileHash(sha1.Size, true, func(f *proto.File) []byte { return f.SHA1[:] })},
		{name: "filesha256", parse: parseFileHash(sha256.Size, false, func(f *proto.File) []byte { return f.SHA256[:] })},
	}
}

// parseFilestore asks for a file in the rule's direction, which nothing keeps.
func parseFilestore(b *builder, _ *rule.Option) error {
	b.warn("filestore: the file is not stored", "the rule matches transactions with a file")
	b.addFileTest("filestore", proto.MaskBoth, func(*proto.File) bool { return true })
	return nil
}

// addFileTest adds a test that some file of the transaction and direction must
// pass.
func (b *builder) addFileTest(name string, m proto.DirMask, holds func(f *proto.File) bool) {
	im := txTestImpl{dirs: m, open: true, test: func(tx proto.Tx, d Dir) bool {
		for _, f := range tx.Base().Files {
			if f.Dir == d && holds(f) {
				return true
			}
		}
		return false
	}}
	t := txTest{name: name, by: make([]txTestImpl, len(b.c.cfg.Registry.Descriptors))}
	for i := range t.by {
		t.by[i] = im
	}
	b.addTxTest(t)
}

func parseFileName(match func(name, pat []byte) bool) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		pat, neg, err := rule.ParseContent(optionText(opt))
		if err != nil {
			pat = []byte(strings.TrimSpace(opt.Value))
		}
		neg = neg || opt.Neg
		if len(pat) == 0 {
			return refuse(fmt.Sprintf("want a name, got %q", opt.Value), "")
		}
		pat = bytes.ToLower(pat)
		b.addFileTest(opt.Name, proto.MaskBoth, func(f *proto.File) bool {
			return len(f.Name) > 0 && match(f.Name, pat) != neg
		})
		return nil
	}
}

// parseFileSize reads a comparison, in a transactional rule with the direction
// before it.
func parseFileSize(b *builder, opt *rule.Option) error {
	value, mask := opt.Value, proto.MaskBoth
	if side, rest, ok := strings.Cut(value, ","); ok && b.s.transactional {
		value = rest
		switch strings.TrimSpace(side) {
		case "to_server":
			mask = proto.MaskServer
		case "to_client":
			mask = proto.MaskClient
		default:
			return refuse(fmt.Sprintf("want to_server or to_client, got %q", side), "")
		}
	}
	t, err := parseSize(value)
	if err != nil {
		return err
	}
	b.addFileTest(opt.Name, mask, func(f *proto.File) bool {
		if f.State == proto.FileOpen || f.State == proto.FileTruncated {
			// Only "more than" is certain before the end.
			return t.high == math.MaxUint64 && !t.not && t.holds(f.Size)
		}
		return t.holds(f.Size)
	})
	return nil
}

// noEffectKeywords are the words that are accepted with a warning.
func noEffectKeywords() []keyword {
	return []keyword{
		idle("tag", "packets after the match are not logged"),
		idle("nfq_set_mark", "packets are copies and carry no mark"),
		idle("replace", "traffic can't be changed"),
	}
}

func otherKeywords() []keyword {
	const lua = "Lua scripts are not run: a script has no bound that a packet can wait for"
	return []keyword{
		{name: "iprep", parse: parseIPRep},
		{name: "tcp.session", parse: parseTCPSession},
		refused("lua", lua, ""), refused("luajit", lua, ""), refused("luaxform", lua, ""),
		refused("geoip", "no database of countries is read", "addresses of a country can stand in an address variable, or in a list for iprep"),
		refused("app-layer-state", "not supported", "use a hook in the rule's header (http1:request_headers)"),
		refused("flow.elephant", "the rate of flows is not measured", "use flow.bytes"),
	}
}
