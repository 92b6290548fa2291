package record

// fileTypes are signatures at the start of files, the more telling ones first.
// The texts are our own: libmagic's depend on its database.
var fileTypes = [...]struct{ magic, name string }{
	{"MZ", "PE executable"},
	{"\x7fELF", "ELF executable"},
	{"\xfe\xed\xfa\xce", "Mach-O executable"},
	{"\xcf\xfa\xed\xfe", "Mach-O executable"},
	{"\xca\xfe\xba\xbe", "Java class or Mach-O universal binary"},
	{"#!", "script"},
	{"PK\x03\x04", "ZIP archive"},
	{"\x1f\x8b", "gzip data"},
	{"BZh", "bzip2 data"},
	{"\xfd7zXZ\x00", "XZ data"},
	{"\x28\xb5\x2f\xfd", "Zstandard data"},
	{"7z\xbc\xaf\x27\x1c", "7-zip archive"},
	{"Rar!\x1a\x07", "RAR archive"},
	{"%PDF-", "PDF document"},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE2 document"},
	{"{\\rtf", "RTF document"},
	{"\x89PNG\r\n\x1a\n", "PNG image"},
	{"\xff\xd8\xff", "JPEG image"},
	{"GIF8", "GIF image"},
	{"RIFF", "RIFF data"},
	{"OggS", "Ogg data"},
	{"ID3", "MP3 audio"},
	{"<?xml", "XML document"},
	{"<!DOCTYPE html", "HTML document"},
	{"<html", "HTML document"},
	{"!<arch>\n", "ar archive"},
	{"\xed\xab\xee\xdb", "RPM package"},
	{"CWS", "Flash"},
	{"FWS", "Flash"},
	{"\x00asm", "WebAssembly module"},
	{"SQLite format 3\x00", "SQLite database"},
}

// FileType names the type of a file by its first bytes; "" when unknown.
func FileType(head []byte) string {
	for i := range fileTypes {
		if t := &fileTypes[i]; len(head) >= len(t.magic) && string(head[:len(t.magic)]) == t.magic {
			return t.name
		}
	}
	if len(head) > 0 && isText(head) {
		return "text"
	}
	return ""
}

func isText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' || c == 0x7f {
			return false
		}
	}
	return true
}
