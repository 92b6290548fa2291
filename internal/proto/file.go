package proto

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"hash"
)

// FileState is the life of a transferred file, in EVE's words.
type FileState uint8

// File states.
const (
	FileOpen FileState = iota
	FileClosed
	FileTruncated
	FileError
)

// String returns EVE's spelling.
func (s FileState) String() string {
	return [...]string{"OPENED", "CLOSED", "TRUNCATED", "ERROR"}[s]
}

// MaxFileName bounds the name kept of a file.
const MaxFileName = 1024

// magicBytes is how much of a file's start is kept to tell its type.
const magicBytes = 512

// File is one file inside a transaction. The parser appends its bytes; the
// sensor writes its record when the state leaves FileOpen. It lives as long as
// its transaction.
type File struct {
	Dir    Dir
	Name   []byte
	Size   uint64 // bytes that went by, gaps included
	Gaps   bool
	State  FileState
	TxID   uint64
	Head   []byte // the first bytes, at most 512, for the file's type
	Logged bool
	// Ranged: Start and End are the inclusive bounds of a partial transfer.
	Ranged     bool
	Start, End uint64
	Total      uint64

	MD5    [md5.Size]byte
	SHA1   [sha1.Size]byte
	SHA256 [sha256.Size]byte
	// AllHashes asks for MD5 and SHA-1 too.
	AllHashes bool

	magic   []byte // of the first magicOf bytes
	magicOf int

	h256, h5, h1 hash.Hash
}

// Magic is the file's type as AppendMagic says it; empty before its first byte.
// It is lent until the next call of a method.
func (f *File) Magic() []byte {
	if f.magicOf != len(f.Head) {
		f.magic, f.magicOf = AppendMagic(f.magic[:0], f.Head), len(f.Head)
	}
	return f.magic
}

// Open makes f ready for a new file, keeping its memory.
func (f *File) Open(d Dir, name []byte, txID uint64, allHashes bool) {
	if len(name) > MaxFileName {
		name = name[:MaxFileName]
	}
	*f = File{
		Dir: d, Name: append(f.Name[:0], name...), TxID: txID, Head: f.Head[:0], magic: f.magic[:0],
		AllHashes: allHashes, h256: f.h256, h5: f.h5, h1: f.h1,
	}
	if f.h256 == nil {
		f.h256 = sha256.New()
	} else {
		f.h256.Reset()
	}
	if allHashes && f.h5 == nil {
		f.h5, f.h1 = md5.New(), sha1.New()
	}
	if f.h5 != nil {
		f.h5.Reset()
		f.h1.Reset()
	}
}

// Append adds the next bytes; b is borrowed. After Close it does nothing.
func (f *File) Append(b []byte) {
	if f.State != FileOpen {
		return
	}
	if n := magicBytes - len(f.Head); n > 0 {
		f.Head = append(f.Head, b[:min(n, len(b))]...)
	}
	f.Size += uint64(len(b))
	if f.Gaps {
		return // there will be no hash
	}
	f.h256.Write(b)
	if f.AllHashes {
		f.h5.Write(b)
		f.h1.Write(b)
	}
}

// Gap notes that n bytes are missing: the file can't be whole any more, and its
// size counts them, as in Suricata. After Close it does nothing.
func (f *File) Gap(n int) {
	if f.State == FileOpen {
		f.Gaps = true
		f.Size += uint64(n)
	}
}

// Close ends the file. A file with gaps or cut short is truncated, and has no
// hash.
func (f *File) Close(truncated bool) {
	if f.State != FileOpen {
		return
	}
	if truncated || f.Gaps {
		f.State = FileTruncated
		return
	}
	f.State = FileClosed
	f.h256.Sum(f.SHA256[:0])
	if f.AllHashes {
		f.h5.Sum(f.MD5[:0])
		f.h1.Sum(f.SHA1[:0])
	}
}
