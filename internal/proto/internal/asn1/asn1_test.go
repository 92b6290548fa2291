package asn1

import (
	"bytes"
	"encoding/asn1"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	tests := []struct {
		name string
		in   string
		ok   bool
		tag  uint32
		body string
		rest string
	}{
		{"empty", "", false, 0, "", ""},
		{"tag only", "\x30", false, 0, "", ""},
		{"null", "\x05\x00", true, Null, "", ""},
		{"rest", "\x02\x01\x07\x05\x00", true, Integer, "\x07", "\x05\x00"},
		{"short", "\x04\x05abc", false, 0, "", ""},
		{"long length", "\x04\x81\x03abcd", true, OctetString, "abc", "d"},
		{"four byte length", "\x04\x84\x00\x00\x00\x01a", true, OctetString, "a", ""},
		{"five byte length", "\x04\x85\x00\x00\x00\x00\x01a", false, 0, "", ""},
		{"indefinite", "\x30\x80\x00\x00", false, 0, "", ""},
		{"huge", "\x30\x84\xff\xff\xff\xff", false, 0, "", ""},
		{"length cut", "\x30\x82\x01", false, 0, "", ""},
		{"long tag", "\x9f\x81\x01\x01x", true, 129, "x", ""},
		{"endless tag", "\x9f\xff\xff\xff\xff\xff\x7f\x00", false, 0, "", ""},
		{"tag cut", "\x9f\x81", false, 0, "", ""},
	}
	for _, tt := range tests {
		e, rest, ok := Next([]byte(tt.in))
		if ok != tt.ok || ok && (e.Tag != tt.tag || string(e.Body) != tt.body || string(rest) != tt.rest) {
			t.Errorf("%s: %+v, rest %q, ok %v", tt.name, e, rest, ok)
		}
		if ok && string(e.Raw)+string(rest) != tt.in {
			t.Errorf("%s: raw %q and rest %q are not the input", tt.name, e.Raw, rest)
		}
	}
}

func TestExpect(t *testing.T) {
	if body, rest, ok := Expect([]byte("\x30\x01a\x00"), Sequence); !ok || string(body) != "a" || string(rest) != "\x00" {
		t.Errorf("sequence: %q %q %v", body, rest, ok)
	}
	for _, in := range []string{"\x10\x01a", "\x31\x01a", "\xb0\x01a", "\x30\x02a"} {
		if _, _, ok := Expect([]byte(in), Sequence); ok {
			t.Errorf("%q is a sequence", in)
		}
	}
	e, _, _ := Next([]byte("\xa3\x00"))
	if !e.IsContext(3) || e.IsContext(0) {
		t.Error("context tag 3")
	}
}

func TestAppendOID(t *testing.T) {
	for _, want := range []asn1.ObjectIdentifier{
		{0, 9, 2342, 19200300, 100, 1, 25}, {1, 2, 840, 113549, 1, 9, 1}, {2, 5, 4, 3}, {2, 999, 1}, {1, 39},
	} {
		der, err := asn1.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(AppendOID(nil, der[2:])); got != want.String() {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := string(AppendOID(nil, bytes.Repeat([]byte{0xff}, 40))); got != "" {
		t.Errorf("an endless arc is %q", got)
	}
}

func TestTime(t *testing.T) {
	tests := []struct {
		tag  byte
		in   string
		want string // RFC 3339, "" when refused
	}{
		{UTCTime, "260102030405Z", "2026-01-02T03:04:05Z"},
		{UTCTime, "500102030405Z", "1950-01-02T03:04:05Z"},
		{UTCTime, "491231235959Z", "2049-12-31T23:59:59Z"},
		{UTCTime, "2601020304Z", "2026-01-02T03:04:00Z"},
		{UTCTime, "260102030405+0130", "2026-01-02T01:34:05Z"},
		{UTCTime, "260102030405-0100", "2026-01-02T04:04:05Z"},
		{GeneralizedTime, "20610203040506Z", "2061-02-03T04:05:06Z"},
		{GeneralizedTime, "20610203040506.789Z", "2061-02-03T04:05:06Z"},
		{GeneralizedTime, "00010101000000Z", "0001-01-01T00:00:00Z"},
		{UTCTime, "261302030405Z", ""}, {UTCTime, "260100030405Z", ""}, {UTCTime, "260102250405Z", ""},
		{UTCTime, "26010203", ""}, {UTCTime, "", ""}, {UTCTime, "260102030405X", ""}, {UTCTime, "2601020304055", ""},
		{UTCTime, "26010203040\x00Z", ""}, {UTCTime, "260102030405+9900", ""}, {GeneralizedTime, "206", ""},
		{Integer, "260102030405Z", ""},
	}
	for _, tt := range tests {
		e := Element{Tag: uint32(tt.tag), Body: []byte(tt.in)}
		got, ok := Time(&e)
		if tt.want == "" {
			if ok {
				t.Errorf("%q: %d, want none", tt.in, got)
			}
			continue
		}
		want, err := time.Parse(time.RFC3339, tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if !ok || got != want.Unix() {
			t.Errorf("%q: %d %v, want %d", tt.in, got, ok, want.Unix())
		}
	}
}

// TestDates holds the calendar against package time's, both ways.
func TestDates(t *testing.T) {
	for unix := int64(-62135596800); unix < 253402300800; unix += 86400*37 + 12345 {
		want := time.Unix(unix, 0).UTC()
		if got := string(AppendDate(nil, unix)); got != want.Format("2006-01-02T15:04:05") {
			t.Fatalf("%d is %s, want %s", unix, got, want)
		}
		y, m, d := want.Date()
		if got := Days(y, int(m), d); got != want.Truncate(24*time.Hour).Unix()/86400 {
			t.Fatalf("%s is day %d", want, got)
		}
	}
}

func FuzzNext(f *testing.F) {
	f.Add([]byte("\x30\x03\x02\x01\x07"))
	f.Add([]byte("\x9f\x81\x01\x01x"))
	f.Add([]byte("\x17\x0d260102030405Z"))
	f.Fuzz(func(t *testing.T, in []byte) {
		for b := in; len(b) > 0; {
			e, rest, ok := Next(b)
			if !ok {
				return
			}
			if len(e.Raw)+len(rest) != len(b) || len(e.Body) > len(e.Raw) {
				t.Fatalf("%d and %d bytes of %d", len(e.Raw), len(rest), len(b))
			}
			AppendOID(nil, e.Body)
			if unix, ok := Time(&e); ok {
				AppendDate(nil, unix)
			}
			b = rest
		}
	})
}
