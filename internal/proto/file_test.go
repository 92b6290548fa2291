package proto

import (
	"crypto/md5"
	"crypto/sha256"
	"strings"
	"testing"
)

func TestFile(t *testing.T) {
	var f File
	f.Open(ToClient, []byte(strings.Repeat("n", 2*MaxFileName)), 3, true)
	f.Append([]byte("first "))
	f.Append([]byte("half"))
	f.Close(false)
	f.Append([]byte("too late"))
	f.Gap(9)
	f.Close(true)
	if f.State != FileClosed || f.Size != 10 || f.Gaps || len(f.Name) != MaxFileName || string(f.Head) != "first half" {
		t.Errorf("state %v, size %d, gaps %v, %d bytes of name, head %q", f.State, f.Size, f.Gaps, len(f.Name), f.Head)
	}
	if f.SHA256 != sha256.Sum256([]byte("first half")) || f.MD5 != md5.Sum([]byte("first half")) {
		t.Error("wrong hash")
	}

	f.Open(ToServer, []byte("second"), 4, false)
	f.Append([]byte("a"))
	f.Gap(5)
	f.Append([]byte("b"))
	f.Close(false)
	if f.State != FileTruncated || f.Size != 7 || !f.Gaps || f.SHA256 != [32]byte{} || f.MD5 != [16]byte{} {
		t.Errorf("with a gap: state %v, size %d, sha256 %x", f.State, f.Size, f.SHA256)
	}

	f.Open(ToServer, []byte("third"), 5, true)
	f.Close(false)
	if f.State != FileClosed || f.Size != 0 || f.SHA256 != sha256.Sum256(nil) || f.MD5 != md5.Sum(nil) {
		t.Errorf("empty: state %v, sha256 %x", f.State, f.SHA256)
	}
}

func TestFileNoAllocations(t *testing.T) {
	var f File
	name, body := []byte("name"), make([]byte, 4096)
	if n := testing.AllocsPerRun(100, func() {
		f.Open(ToClient, name, 1, true)
		f.Append(body)
		f.Close(false)
	}); n != 0 {
		t.Errorf("%v allocations a file", n)
	}
}
