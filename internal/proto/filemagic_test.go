package proto

import (
	"strings"
	"testing"
)

// TestMagic checks the words against those of libmagic's file(1), of which they
// are the start.
func TestMagic(t *testing.T) {
	pe := "MZ" + strings.Repeat("\x00", 58) + "\x80\x00\x00\x00" + strings.Repeat("\x00", 64) + "PE\x00\x00"
	coff := func(machine, flags, opt, subsystem string) string {
		return pe + machine + strings.Repeat("\x00", 16) + flags + opt + strings.Repeat("\x00", 66) + subsystem + strings.Repeat("\x00", 16)
	}
	for _, c := range []struct{ head, want string }{
		{"", ""},
		{"\x00\x01\x02", "data"},
		{"hello\n", "ASCII text"},
		{"M", "ASCII text"},
		{"gr\xc3\xbc\xc3\x9fe", "Unicode text, UTF-8 text"},
		{"gr\xc3\xbc\xc3", "Unicode text, UTF-8 text"},
		{"gr\xfc\xdfe", "ISO-8859 text"},
		{"gr\x81e\x81 ", "Non-ISO extended-ASCII text"},
		{"%PDF-1.7\n%\xe2\xe3", "PDF document, version 1.7"},
		{"%PDF-", "PDF document, version "},
		{"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x10\x00\x00\x01\x00\x08\x06\x00\x00\x00", "PNG image data, 16 x 256"},
		{"\x89PNG\r\n\x1a\n", "PNG image data"},
		{"GIF89a\x01\x00\x02\x00\x80", "GIF image data, version 89a, 1 x 2"},
		{"GIF8", "GIF image data, version 8"},
		{"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG image data"},
		{"PK\x03\x04\x14\x00\x00\x00", "Zip archive data, at least v2.0 to extract"},
		{"PK\x03\x04\x14\x00" + strings.Repeat("\x00", 24) + "META-INF/MANIFEST.MF", "Java archive data (JAR)"},
		{"\x1f\x8b\x08", "gzip compressed data"},
		{"MZ\x90", "MS-DOS executable"},
		{pe, "MS-DOS executable"},
		{coff("\x4c\x01", "\x02\x01", "\x0b\x01", "\x02\x00"), "PE32 executable (GUI) Intel 80386, for MS Windows"},
		{coff("\x64\x86", "\x22\x20", "\x0b\x02", "\x03\x00"), "PE32+ executable (DLL) (console) x86-64, for MS Windows"},
		{"\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\x3e\x00", "ELF 64-bit LSB executable, x86-64"},
		{"\x7fELF\x01\x02\x01" + strings.Repeat("\x00", 9) + "\x00\x03\x00\x08", "ELF 32-bit MSB shared object, MIPS"},
		{"\x7fELF", "ELF "},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x34", "compiled Java class data, version 52.0"},
		{"\xca\xfe\xba\xbe\x00\x00\x00\x02", "Mach-O universal binary"},
		{"#!/bin/sh\necho\n", "POSIX shell script, ASCII text"},
		{"#!/usr/bin/env python3\n", "Python script, ASCII text"},
		{"#!/usr/bin/awk\n", "script, ASCII text"},
		{"\n <!DOCTYPE HTML>\n", "HTML document, ASCII text"},
		{"<?xml version=\"1.0\"?>", "XML 1.0 document, ASCII text"},
		{"<?php system($_GET[0]);", "PHP script, ASCII text"},
		{"{\"a\": 1}", "JSON data, ASCII text"},
		{"{\\rtf1\\ansi", "Rich Text Format data, version 1"},
		{strings.Repeat("\x00", 257) + "ustar\x00", "POSIX tar archive"},
		{"BMW is no bitmap", "ASCII text"},
		{"BM\x36\x00\x03\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", "PC bitmap"},
	} {
		if got := string(AppendMagic([]byte("<"), []byte(c.head))); got != "<"+c.want {
			t.Errorf("%q: got %q, want %q", c.head, got[1:], c.want)
		}
	}
}

// TestMagicCuts: every start of a file has a type, whatever it is cut to.
func TestMagicCuts(t *testing.T) {
	for i := range magics {
		head := strings.Repeat("\x00", magics[i].at) + magics[i].bytes + strings.Repeat("\xff", 512)
		for n := 1; n <= len(head); n++ {
			if got := AppendMagic(nil, []byte(head[:n])); len(got) == 0 {
				t.Fatalf("%q: no type", head[:n])
			}
		}
	}
}

// TestFileMagic: a file's type follows its first bytes, and asking again
// allocates nothing.
func TestFileMagic(t *testing.T) {
	var f File
	f.Open(ToServer, nil, 0, false)
	if m := f.Magic(); len(m) != 0 {
		t.Errorf("an empty file is %q", m)
	}
	f.Append([]byte("%PDF-1"))
	if m := string(f.Magic()); m != "PDF document, version 1" {
		t.Errorf("got %q", m)
	}
	f.Append([]byte(".5\n"))
	if m := string(f.Magic()); m != "PDF document, version 1.5" {
		t.Errorf("got %q", m)
	}
	gif := []byte("GIF89a")
	if n := testing.AllocsPerRun(10, func() { f.Open(ToServer, nil, 0, false); f.Append(gif); f.Magic() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
