package proto

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"unicode/utf8"
)

// magic is a signature near the start of files. The names begin as libmagic's
// do, which rules are written for (filemagic); how they go on depends there on
// the version of its database.
type magic struct {
	at    int
	bytes string
	name  string
	more  func(dst, head []byte) []byte // what stands behind the name, or nil
}

// magics are in the order of trying, the more telling ones first.
var magics = [...]magic{
	{0, "MZ", "", appendPE},
	{0, "\x7fELF", "ELF ", appendELF},
	{0, "\xfe\xed\xfa\xce", "Mach-O executable", nil},
	{0, "\xce\xfa\xed\xfe", "Mach-O executable", nil},
	{0, "\xcf\xfa\xed\xfe", "Mach-O 64-bit executable", nil},
	{0, "\xca\xfe\xba\xbe\x00\x00\x00", "", appendJava},
	{0, "%PDF-", "PDF document, version ", func(dst, h []byte) []byte { return appendWord(dst, h[5:]) }},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Composite Document File V2 Document", nil},
	{0, "{\\rtf", "Rich Text Format data, version ", func(dst, h []byte) []byte { return appendNumber(dst, h[5:]) }},
	{30, "META-INF/", "Java archive data (JAR)", nil},
	{30, "[Content_Types].xml", "Microsoft OOXML", nil},
	{30, "mimetypeapplication/vnd.oasis.opendocument.", "OpenDocument", nil},
	{0, "PK\x03\x04", "Zip archive data, at least v", appendZip},
	{0, "PK\x05\x06", "Zip archive data (empty)", nil},
	{0, "\x1f\x8b", "gzip compressed data", nil},
	{0, "BZh", "bzip2 compressed data", nil},
	{0, "\xfd7zXZ\x00", "XZ compressed data", nil},
	{0, "\x28\xb5\x2f\xfd", "Zstandard compressed data", nil},
	{0, "7z\xbc\xaf\x27\x1c", "7-zip archive data", nil},
	{0, "Rar!\x1a\x07\x01", "RAR archive data, v5", nil},
	{0, "Rar!\x1a\x07\x00", "RAR archive data, v4", nil},
	{0, "MSCF\x00\x00\x00\x00", "Microsoft Cabinet archive data", nil},
	{257, "ustar", "POSIX tar archive", nil},
	{0, "!<arch>\ndebian", "Debian binary package", nil},
	{0, "!<arch>\n", "current ar archive", nil},
	{0, "\xed\xab\xee\xdb", "RPM", nil},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "MS Windows shortcut", nil},
	{0, "\x89PNG\r\n\x1a\n", "PNG image data", appendPNG},
	{0, "\xff\xd8\xff", "JPEG image data", nil},
	{0, "GIF8", "GIF image data, version ", appendGIF},
	{0, "BM", "", appendBMP},
	{0, "II*\x00", "TIFF image data, little-endian", nil},
	{0, "MM\x00*", "TIFF image data, big-endian", nil},
	{8, "WEBP", "RIFF (little-endian) data, Web/P image", nil},
	{8, "WAVE", "RIFF (little-endian) data, WAVE audio", nil},
	{8, "AVI ", "RIFF (little-endian) data, AVI", nil},
	{4, "ftyp", "ISO Media", nil},
	{0, "OggS", "Ogg data", nil},
	{0, "ID3", "Audio file with ID3", nil},
	{0, "\x1a\x45\xdf\xa3", "Matroska data", nil},
	{0, "wOF2", "Web Open Font Format (Version 2)", nil},
	{0, "wOFF", "Web Open Font Format", nil},
	{0, "FWS", "Macromedia Flash data", nil},
	{0, "CWS", "Macromedia Flash data (compressed)", nil},
	{0, "\x00asm", "WebAssembly (wasm) binary module", nil},
	{0, "SQLite format 3\x00", "SQLite 3.x database", nil},
	{0, "\xd4\xc3\xb2\xa1", "pcap capture file", nil},
	{0, "\x0a\x0d\x0d\x0a", "pcapng capture file", nil},
	{0, "-----BEGIN CERTIFICATE-----", "PEM certificate", nil},
	{0, "-----BEGIN RSA PRIVATE KEY-----", "PEM RSA private key", nil},
	{0, "-----BEGIN OPENSSH PRIVATE KEY-----", "OpenSSH private key", nil},
}

// AppendMagic appends the type of a file in libmagic's manner, by its first
// bytes: "PDF document, version 1.7"; "data" when they tell nothing, nothing
// when there are none. head is borrowed.
func AppendMagic(dst, head []byte) []byte {
	if len(head) == 0 {
		return dst
	}
	for i := range magics {
		m := &magics[i]
		if end := m.at + len(m.bytes); len(head) < end || string(head[m.at:end]) != m.bytes {
			continue
		}
		out := append(dst, m.name...)
		if m.more != nil {
			out = m.more(out, head)
		}
		if len(out) > len(dst) {
			return out
		}
	}
	if kind := textKind(head); kind != "" {
		return append(appendTextMagic(dst, head), kind...)
	}
	return append(dst, "data"...)
}

// appendTextMagic says what kind of text it is, as far as its start tells.
func appendTextMagic(dst, head []byte) []byte {
	body := bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")
	switch line, _, _ := bytes.Cut(head, []byte("\n")); {
	case bytes.HasPrefix(head, []byte("#!")):
		return append(appendScript(dst, line), ", "...)
	case hasPrefixFold(body, "<?xml"):
		return append(dst, "XML 1.0 document, "...)
	case hasPrefixFold(body, "<?php"):
		return append(dst, "PHP script, "...)
	case hasPrefixFold(body, "<!doctype html"), hasPrefixFold(body, "<html"), hasPrefixFold(body, "<head"),
		hasPrefixFold(body, "<title"), hasPrefixFold(body, "<script"), hasPrefixFold(body, "<body"):
		return append(dst, "HTML document, "...)
	case len(body) > 1 && body[0] == '{' && bytes.IndexByte([]byte("\"} \t\r\n"), body[1]) >= 0 && bytes.Contains(body, []byte("\":")):
		return append(dst, "JSON data, "...)
	}
	return dst
}

func appendScript(dst, line []byte) []byte {
	for _, s := range [...]struct{ word, name string }{
		{"python", "Python script"}, {"perl", "Perl script"}, {"ruby", "Ruby script"}, {"php", "PHP script"}, {"node", "Node.js script"},
		{"bash", "Bourne-Again shell script"}, {"sh", "POSIX shell script"},
	} {
		if bytes.Contains(line, []byte(s.word)) {
			return append(dst, s.name...)
		}
	}
	return append(dst, "script"...)
}

// textKind names the encoding of text, or is "" for what is no text.
func textKind(b []byte) string {
	high := false
	for _, c := range b {
		if c < 0x20 && (c < '\a' || c > '\r') && c != 0x1b || c == 0x7f {
			return ""
		}
		high = high || c >= 0x80
	}
	switch {
	case !high:
		return "ASCII text"
	case utf8.Valid(b[:len(b)-cutRune(b)]):
		return "Unicode text, UTF-8 text"
	}
	for _, c := range b {
		if c >= 0x80 && c < 0xa0 {
			return "Non-ISO extended-ASCII text"
		}
	}
	return "ISO-8859 text"
}

// cutRune is how many bytes at the end are the start of a character that the
// end of b cut.
func cutRune(b []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(b)); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if c >= 0x80 && !utf8.FullRune(b[len(b)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}

func hasPrefixFold(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && bytes.EqualFold(b[:len(prefix)], []byte(prefix))
}

// appendWord appends b up to the first byte that no version has.
func appendWord(dst, b []byte) []byte {
	n := 0
	for n < len(b) && n < 8 && (b[n] >= '0' && b[n] <= '9' || b[n] == '.') {
		n++
	}
	return append(dst, b[:n]...)
}

func appendNumber(dst, b []byte) []byte {
	n := 0
	for n < len(b) && n < 4 && b[n] >= '0' && b[n] <= '9' {
		n++
	}
	return append(dst, b[:n]...)
}

func appendZip(dst, h []byte) []byte {
	if len(h) < 6 {
		return append(dst, "1.0 to extract"...)
	}
	dst = strconv.AppendUint(dst, uint64(h[4]/10), 10)
	dst = append(dst, '.', '0'+h[4]%10)
	return append(dst, " to extract"...)
}

func appendPNG(dst, h []byte) []byte {
	if len(h) < 24 || string(h[12:16]) != "IHDR" {
		return dst
	}
	dst = strconv.AppendUint(append(dst, ", "...), uint64(binary.BigEndian.Uint32(h[16:])), 10)
	return strconv.AppendUint(append(dst, " x "...), uint64(binary.BigEndian.Uint32(h[20:])), 10)
}

func appendGIF(dst, h []byte) []byte {
	dst = append(dst, h[3:min(6, len(h))]...)
	if len(h) < 10 {
		return dst
	}
	dst = strconv.AppendUint(append(dst, ", "...), uint64(binary.LittleEndian.Uint16(h[6:])), 10)
	return strconv.AppendUint(append(dst, " x "...), uint64(binary.LittleEndian.Uint16(h[8:])), 10)
}

// appendBMP wants a header of Windows or OS/2: two letters alone begin too much.
func appendBMP(dst, h []byte) []byte {
	if len(h) < 18 || binary.LittleEndian.Uint32(h[14:]) > 124 || binary.LittleEndian.Uint32(h[6:]) != 0 {
		return dst
	}
	return append(dst, "PC bitmap"...)
}

// appendJava tells a class from a Mach-O file with few architectures.
func appendJava(dst, h []byte) []byte {
	if len(h) < 8 {
		return dst
	}
	if h[7] < 30 {
		return append(dst, "Mach-O universal binary"...)
	}
	dst = strconv.AppendUint(append(dst, "compiled Java class data, version "...), uint64(h[7]), 10)
	return append(dst, ".0"...)
}

// appendPE reads the COFF and optional headers (Microsoft's PE format) as far as
// they are there.
func appendPE(dst, h []byte) []byte {
	at := 0
	if len(h) >= 64 {
		at = int(min(binary.LittleEndian.Uint32(h[60:]), 1<<16))
	}
	if at == 0 || len(h) < at+26 || string(h[at:at+4]) != "PE\x00\x00" {
		return append(dst, "MS-DOS executable"...)
	}
	pe := h[at:]
	machine, flags := binary.LittleEndian.Uint16(pe[4:]), binary.LittleEndian.Uint16(pe[22:])
	if dst = append(dst, "PE32"...); binary.LittleEndian.Uint16(pe[24:]) == 0x20b {
		dst = append(dst, '+')
	}
	dst = append(dst, " executable"...)
	if flags&0x2000 != 0 {
		dst = append(dst, " (DLL)"...)
	}
	if len(pe) >= 94 {
		switch binary.LittleEndian.Uint16(pe[92:]) {
		case 1:
			dst = append(dst, " (native)"...)
		case 2:
			dst = append(dst, " (GUI)"...)
		case 3:
			dst = append(dst, " (console)"...)
		}
	}
	switch machine {
	case 0x14c:
		dst = append(dst, " Intel 80386"...)
	case 0x8664:
		dst = append(dst, " x86-64"...)
	case 0xaa64:
		dst = append(dst, " Aarch64"...)
	}
	return append(dst, ", for MS Windows"...)
}

// appendELF reads the header of the ELF specification.
func appendELF(dst, h []byte) []byte {
	if len(h) < 20 {
		return dst
	}
	if h[4] == 2 {
		dst = append(dst, "64-bit "...)
	} else {
		dst = append(dst, "32-bit "...)
	}
	order := binary.ByteOrder(binary.LittleEndian)
	if h[5] == 2 {
		order = binary.BigEndian
		dst = append(dst, "MSB "...)
	} else {
		dst = append(dst, "LSB "...)
	}
	switch order.Uint16(h[16:]) {
	case 1:
		dst = append(dst, "relocatable"...)
	case 2:
		dst = append(dst, "executable"...)
	case 3:
		dst = append(dst, "shared object"...)
	case 4:
		dst = append(dst, "core file"...)
	}
	switch order.Uint16(h[18:]) {
	case 3:
		dst = append(dst, ", Intel 80386"...)
	case 8:
		dst = append(dst, ", MIPS"...)
	case 40:
		dst = append(dst, ", ARM"...)
	case 62:
		dst = append(dst, ", x86-64"...)
	case 183:
		dst = append(dst, ", ARM aarch64"...)
	}
	return dst
}
