package rulesource

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mirrorwall/mirrorwall/internal/base/units"
)

// Bounds of what is read; the largest public set (ET, 2026) is 5 MB packed and
// 45 MB unpacked, in 60 files.
const (
	maxPacked   = 128 << 20
	maxUnpacked = 512 << 20
	maxMembers  = 10_000
	maxNameLen  = 255
	maxDepth    = 8
)

// Limits bound what one source may bring; zero values mean the package's own.
type Limits struct {
	Packed, Unpacked int64 // bytes
	Members          int   // of an archive or folder, of whatever kind
}

func (l Limits) filled() Limits {
	if l.Packed == 0 {
		l.Packed = maxPacked
	}
	if l.Unpacked == 0 {
		l.Unpacked = maxUnpacked
	}
	if l.Members == 0 {
		l.Members = maxMembers
	}
	return l
}

func tooLong(most int64) error {
	return hinted("is this really a set of rules?", "longer than %s", units.Bytes(uint64(most)))
}

// Unpack returns the rules files in content: a tar archive, gzip's output of
// one, or a single file, itself or packed by gzip, which gets the given name.
// Members that are not named *.rules are left out. A member whose name leads
// out of the archive, or is there twice, refuses the whole.
func Unpack(name string, content []byte, limits Limits) ([]File, error) {
	limits = limits.filled()
	var r io.Reader = bytes.NewReader(content)
	if bytes.HasPrefix(content, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, damaged(err)
		}
		r = z
		name = strings.TrimSuffix(name, ".gz")
	}
	b := &bounded{r: r, left: limits.Unpacked, most: limits.Unpacked}
	head, err := io.ReadAll(io.LimitReader(b, 512))
	if err != nil {
		return nil, damaged(err)
	}
	whole := io.MultiReader(bytes.NewReader(head), b)
	if isTar(head) {
		return untar(whole, limits)
	}
	text, err := io.ReadAll(whole)
	if err != nil {
		return nil, damaged(err)
	}
	if !strings.HasSuffix(name, ".rules") {
		name += ".rules"
	}
	if err := checkText(text); err != nil {
		return nil, err
	}
	if name, err = memberName(name); err != nil {
		return nil, err
	}
	return []File{{name, text}}, nil
}

// isTar recognises a ustar, pax or GNU header (POSIX pax, "ustar header block").
func isTar(head []byte) bool { return len(head) == 512 && string(head[257:262]) == "ustar" }

// bounded fails where more than most bytes come.
type bounded struct {
	r          io.Reader
	left, most int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLong(b.most)
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, tooLong(b.most)
	}
	return n, err
}

func damaged(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return hinted("try again; the publisher may be writing it at the moment", "damaged or cut short: %w", err)
}

func untar(r io.Reader, limits Limits) ([]File, error) {
	var out []File
	seen, left := map[string]bool{}, limits.Unpacked
	t := tar.NewReader(r)
	for n := 0; ; n++ {
		h, err := t.Next()
		switch {
		case errors.Is(err, io.EOF):
			// What follows the archive's end still belongs to the stream: its
			// checksum stands there.
			if _, err := io.Copy(io.Discard, r); err != nil {
				return nil, damaged(err)
			}
			return out, nil
		case err != nil:
			return nil, damaged(err)
		case n >= limits.Members:
			return nil, hinted("is this really a set of rules?", "more than %d members", limits.Members)
		case h.Typeflag != tar.TypeReg:
			continue
		}
		name, err := memberName(h.Name)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(name, ".rules") {
			continue
		}
		if seen[name] {
			return nil, hinted("tell the publisher", "%s is in the archive twice", name)
		}
		seen[name] = true
		// A sparse member is longer than what it takes in the archive.
		if left -= h.Size; left < 0 {
			return nil, tooLong(limits.Unpacked)
		}
		text, err := io.ReadAll(t)
		if err != nil {
			return nil, damaged(err)
		}
		if err := checkText(text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, File{name, text})
	}
}

// memberName checks the name of an archive's member: it will name a file.
func memberName(name string) (string, error) {
	clean := strings.TrimPrefix(path.Clean(name), "./")
	bad := !fs.ValidPath(clean) || clean == "." || !utf8.ValidString(clean) || len(clean) > maxNameLen ||
		strings.Count(clean, "/") >= maxDepth || strings.ContainsAny(clean, `\:`) ||
		strings.ContainsFunc(clean, func(r rune) bool { return r < ' ' || r == 0x7f })
	if bad {
		return "", hinted("do not use this source before its publisher explains", "unsafe name %.300q in the archive", name)
	}
	return clean, nil
}

// checkText refuses what is no text of rules: an error page, a program.
func checkText(text []byte) error {
	head := bytes.TrimLeft(text[:min(len(text), 512)], "\ufeff \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("<")):
		return hinted("open the address in a browser: a login, a licence, or another place", "a web page, no rules")
	case bytes.IndexByte(text[:min(len(text), 4096)], 0) >= 0:
		return hinted("want a .rules file, or a .tar.gz of them", "binary data, no rules")
	}
	return nil
}

// readPath reads a local source. A folder becomes an archive, so that what is
// kept of a source is always one piece of content.
func readPath(name string, limits Limits) (base string, content []byte, err error) {
	limits = limits.filled()
	st, err := os.Stat(name)
	if err != nil {
		return "", nil, hinted("path: names a folder, a .rules file or a .tar.gz", "%w", plain(err))
	}
	if st.IsDir() {
		content, err = packFolder(name, limits)
		return "folder.tar", content, err
	}
	if !st.Mode().IsRegular() {
		return "", nil, hinted("path: names a folder, a .rules file or a .tar.gz", "no regular file")
	}
	content, err = readBounded(name, limits.Packed)
	return filepath.Base(name), content, err
}

// packFolder makes an archive of the rules files below a folder; the same files
// make the same bytes. Links are not followed.
func packFolder(dir string, limits Limits) ([]byte, error) {
	var names []string
	seen := 0
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return plain(err)
		}
		if seen++; seen > limits.Members {
			return hinted("name the folder of the rules itself", "more than %d files", limits.Members)
		}
		if d.Type().IsRegular() && strings.HasSuffix(p, ".rules") {
			names = append(names, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var out bytes.Buffer
	t := tar.NewWriter(&out)
	for _, p := range names {
		text, err := readBounded(p, limits.Unpacked-int64(out.Len()))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Base(p), plain(err))
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return nil, err
		}
		h := &tar.Header{Name: filepath.ToSlash(rel), Mode: 0o644, Size: int64(len(text))}
		if err := t.WriteHeader(h); err != nil {
			return nil, err
		}
		if _, err := t.Write(text); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), t.Close()
}
