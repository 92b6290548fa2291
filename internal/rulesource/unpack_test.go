package rulesource

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

type member struct {
	name string
	kind byte
	text string
}

func tarOf(t testing.TB, members ...member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Typeflag: m.kind, Mode: 0o644}
		if m.kind == 0 || m.kind == tar.TypeReg {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(m.text))
		} else {
			h.Linkname = m.text
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if _, err := w.Write([]byte(m.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestUnpack(t *testing.T) {
	const text = "alert tcp any any -> any any (msg:\"a\"; sid:1;)\n"
	archive := tarOf(t, member{"rules/", tar.TypeDir, ""}, member{"./rules/a.rules", 0, text}, member{"LICENSE", 0, "x"},
		member{"rules/link.rules", tar.TypeSymlink, "/etc/passwd"})
	for name, content := range map[string][]byte{
		"x.tar": archive, "x.tar.gz": gzipped(t, archive), "two members of gzip": append(gzipped(t, archive[:700]), gzipped(t, archive[700:])...),
	} {
		files, err := Unpack(name, content, Limits{})
		if err != nil || len(files) != 1 || files[0].Name != "rules/a.rules" || string(files[0].Text) != text {
			t.Errorf("%s: %v, %q", name, err, files)
		}
	}
	for name, want := range map[string]string{"my.rules": "my.rules", "my.rules.gz": "my.rules", "open": "open.rules"} {
		files, err := Unpack(name, gzipped(t, []byte(text)), Limits{})
		if err != nil || len(files) != 1 || files[0].Name != want || string(files[0].Text) != text {
			t.Errorf("%s: %v, %q", name, err, files)
		}
	}
}

func TestUnpackRefuses(t *testing.T) {
	whole := gzipped(t, tarOf(t, member{"a.rules", 0, strings.Repeat("# rule\n", 1000)}))
	limits := Limits{Unpacked: 64 << 10, Members: 3}
	sparse := sparseTar(t, 1<<40)
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"traversal": {tarOf(t, member{"../../etc/x.rules", 0, "x"}), `unsafe name "../../etc/x.rules"`},
		"absolute":  {tarOf(t, member{"/etc/x.rules", 0, "x"}), "unsafe name"},
		"inside":    {tarOf(t, member{"a/../../x.rules", 0, "x"}), "unsafe name"},
		"backslash": {tarOf(t, member{`..\x.rules`, 0, "x"}), "unsafe name"},
		"control":   {tarOf(t, member{"a\nb.rules", 0, "x"}), "unsafe name"},
		"deep":      {tarOf(t, member{strings.Repeat("a/", 20) + "x.rules", 0, "x"}), "unsafe name"},
		"long":      {tarOf(t, member{strings.Repeat("a", 300) + ".rules", 0, "x"}), "unsafe name"},
		"twice":     {tarOf(t, member{"a.rules", 0, "x"}, member{"./a.rules", 0, "y"}), "twice"},
		"many":      {tarOf(t, member{"a", 0, ""}, member{"b", 0, ""}, member{"c", 0, ""}, member{"d", 0, ""}), "more than 3 members"},
		"bomb":      {gzipped(t, make([]byte, 10<<20)), "longer than 64.0 KiB"},
		"tar bomb":  {gzipped(t, tarOf(t, member{"a.rules", 0, strings.Repeat("#", 1<<20)})), "longer than 64.0 KiB"},
		"skipped":   {gzipped(t, tarOf(t, member{"a.bin", 0, strings.Repeat("#", 1<<20)})), "longer than 64.0 KiB"},
		"sparse":    {sparse, "longer than 64.0 KiB"},
		"truncated": {whole[:len(whole)/2], "cut short"},
		"no end":    {whole[:len(whole)-4], "cut short"},
		"damaged":   {append(bytes.Clone(whole[:len(whole)-8]), make([]byte, 8)...), "damaged"},
		"web page":  {[]byte("\n<!DOCTYPE html>"), "a web page"},
		"program":   {[]byte("\x7fELF\x00\x00"), "binary data"},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := Unpack("x", c.content, limits)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v and %d files, want %q", err, len(files), c.want)
			}
		})
	}
}

// sparseTar is an archive whose one member is size bytes of hole (GNU sparse
// 1.0 in a pax header).
func sparseTar(t *testing.T, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	body := append([]byte("1\n"+strconv.Itoa(size)+"\n0\n"), make([]byte, 512)...)[:512]
	// The writer refuses these records itself; they are put in by a longer
	// name of the same length.
	records := map[string]string{"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "a.rules", "XXX.sparse.realsize": strconv.Itoa(size)}
	h := &tar.Header{Name: "GNUSparseFile.0/a.rules", Typeflag: tar.TypeReg, Size: 512, Mode: 0o644, PAXRecords: records}
	if err := w.WriteHeader(h); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := bytes.ReplaceAll(b.Bytes(), []byte("XXX.sparse"), []byte("GNU.sparse"))
	r := tar.NewReader(bytes.NewReader(out))
	if h, err := r.Next(); err != nil || h.Size != int64(size) {
		t.Fatalf("not sparse: %v %v", h, err)
	}
	return out
}

func TestReadPath(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"b.rules": "# b", "sub/a.rules": "# a", "notes.txt": "x"} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base, content, err := readPath(dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := Unpack(base, content, Limits{})
	if err != nil || len(files) != 2 || files[0].Name != "b.rules" || files[1].Name != "sub/a.rules" {
		t.Errorf("%v, %q", err, files)
	}
	_, again, err := readPath(dir, Limits{})
	if err != nil || !bytes.Equal(content, again) {
		t.Errorf("the same folder makes other bytes: %v", err)
	}
	for _, c := range []struct {
		path, want string
		limits     Limits
	}{
		{filepath.Join(dir, "none"), "no such file", Limits{}},
		{filepath.Join(dir, "b.rules"), "longer than 2 B", Limits{Packed: 2}},
		{dir, "more than 2 files", Limits{Members: 2}},
	} {
		if _, _, err := readPath(c.path, c.limits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.path, err, c.want)
		}
	}
}

// FuzzUnpack: whatever comes, names stay inside and sizes below the bound.
func FuzzUnpack(f *testing.F) {
	archive := tarOf(f, member{"rules/a.rules", 0, "# a\n"}, member{"../b.rules", 0, "x"}, member{"l.rules", tar.TypeSymlink, "/x"})
	f.Add("x.tar", archive)
	f.Add("x.tar.gz", gzipped(f, archive))
	f.Add("x.rules", []byte("# rules"))
	f.Add("x.rules.gz", gzipped(f, []byte("# rules")))
	f.Add("..", []byte("#"))
	limits := Limits{Unpacked: 32 << 10, Members: 16}
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		files, err := Unpack(name, content, limits)
		if err != nil && files != nil {
			t.Fatal("files and an error")
		}
		total := int64(0)
		for _, file := range files {
			total += int64(len(file.Text))
			if !filepath.IsLocal(file.Name) || strings.Contains(file.Name, "..") && !strings.Contains(filepath.Base(file.Name), "..") {
				t.Fatalf("unsafe name %q", file.Name)
			}
		}
		if total > limits.Unpacked || len(files) > limits.Members {
			t.Fatalf("%d bytes in %d files", total, len(files))
		}
	})
}
