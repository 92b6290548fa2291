package detect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// parseFileMagic reads a part of the file's type, in any case.
func parseFileMagic(b *builder, opt *rule.Option) error {
	pat, neg, err := rule.ParseContent(optionText(opt))
	if err != nil || len(pat) == 0 {
		return refuse(fmt.Sprintf("want a text in quotes, got %q", opt.Value), `filemagic:"PDF document"`)
	}
	neg = neg || opt.Neg
	pat = bytes.ToLower(pat)
	b.addFileTest(opt.Name, proto.MaskBoth, func(f *proto.File) bool {
		m := f.Magic()
		return len(m) > 0 && containsFold(m, pat) != neg
	})
	return nil
}

// containsFold looks for pat, which is in lower case.
func containsFold(b, pat []byte) bool {
	for i := 0; i+len(pat) <= len(b); i++ {
		if bytes.EqualFold(b[i:i+len(pat)], pat) {
			return true
		}
	}
	return false
}

// parseFileHash reads the name of a list of hashes. A file is looked up when it
// is whole: one with gaps, or cut short, has no hash.
func parseFileHash(size int, more bool, sum func(f *proto.File) []byte) func(*builder, *rule.Option) error {
	return func(b *builder, opt *rule.Option) error {
		name, neg := strings.CutPrefix(strings.TrimSpace(rule.Unquote(opt.Value)), "!")
		neg = neg || opt.Neg
		text, err := b.c.readFile(b.r.Pos.File, strings.TrimSpace(name), false)
		if err != nil {
			return refuseFile(err)
		}
		list, err := parseHashes(text, size)
		if err != nil {
			return refuse(name+": "+err.Error(), "one hash in hexadecimal a line, '#' starts a comment")
		}
		b.c.allHashes = b.c.allHashes || more
		b.addFileTest(opt.Name, proto.MaskBoth, func(f *proto.File) bool {
			if f.State != proto.FileClosed || more && !f.AllHashes {
				return false
			}
			_, ok := list[string(sum(f))]
			return ok != neg
		})
		return nil
	}
}

// parseHashes reads a list: a hash and perhaps a file name in each line, as
// md5sum prints it.
func parseHashes(text []byte, size int) (map[string]struct{}, error) {
	list := map[string]struct{}{}
	n := 0
	for raw := range bytes.Lines(text) {
		n++
		line := bytes.TrimSpace(raw)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		h, err := hex.DecodeString(string(line[:min(len(line), 2*size)]))
		if err == nil && (len(h) != size || len(line) > 2*size && line[2*size] != ' ' && line[2*size] != '\t') {
			err = errors.New("wrong length")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: want %d digits of a hash, got %q", n, 2*size, line[:min(len(line), 80)])
		}
		list[string(h)] = struct{}{}
	}
	return list, nil
}
