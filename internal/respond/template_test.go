package respond

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/record"
)

// hostile are values that mean something in one of the syntaxes.
func hostile() []string {
	return []string{
		"", "plain", `"`, `\`, `\"`, `","admin":"true`, "'", "<", "]]>", "-->", "</a><b>", "&amp;", "&x=1", "%26x%3d1", "a b",
		"$src", "line\r\nX: 1", "\x00", "\x1b[2J", "\u0085next", "\u2028", "\xff\xfe", "}\n{", "€",
	}
}

func entry(v string) *record.Entry {
	return &record.Entry{
		Time: time.Unix(1, 0), ThreatID: 4711, ThreatName: v, URL: v, Flags: []string{v, v}, DstPort: 443,
		Raw: []byte(`{"event_type":"alert"}` + "\n"),
	}
}

func template(t *testing.T, text, contentType string) *Template {
	t.Helper()
	tmpl, err := ParseTemplate(text, contentType)
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestNoValueBreaksOutOfJSON(t *testing.T) {
	for _, kind := range []string{"application/json", "application/cloudevents+json; charset=utf-8", "application/x-ndjson"} {
		tmpl := template(t, `{"name":"pre $threat_name post","id":$threatid,"flags":"$flags","text":"$eve","eve":$eve,"$url":1}`, kind)
		for _, v := range hostile() {
			var got map[string]any
			b := tmpl.Append(nil, entry(v))
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatalf("%s: %q: %v in %s", kind, v, err, b)
			}
			want := strings.ToValidUTF8(v, "\ufffd")
			if v == "\xff\xfe" {
				want = "\ufffd\ufffd" // one for each byte
			}
			if len(got) != 6 && v != "name" || got["name"] != "pre "+want+" post" || got["id"] != 4711.0 ||
				got["text"] != `{"event_type":"alert"}` || got["eve"].(map[string]any)["event_type"] != "alert" {
				t.Errorf("%s: %q became %s", kind, v, b)
			}
		}
	}
}

func TestNoValueBreaksOutOfXML(t *testing.T) {
	tmpl := template(t, `<a x="$threat_name" y='$url'>$threat_name<!-- $url --><![CDATA[$url]]><?p $url?></a>`, "application/soap+xml")
	for _, v := range hostile() {
		b := tmpl.Append(nil, entry(v))
		d := xml.NewDecoder(bytes.NewReader(b))
		elements, attributes := 0, 0
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				// XML allows no "--" in a comment; the receiver refuses it.
				if v == "-->" {
					break
				}
				t.Fatalf("%q: %v in %s", v, err, b)
			}
			if e, ok := tok.(xml.StartElement); ok {
				elements++
				attributes += len(e.Attr)
			}
		}
		if elements != 1 || attributes != 2 {
			t.Errorf("%q: %d elements, %d attributes in %s", v, elements, attributes, b)
		}
	}
}

func TestNoValueBreaksOutOfForms(t *testing.T) {
	tmpl := template(t, "a=$threat_name&b=$eve&c=$threatid", "application/x-www-form-urlencoded")
	for _, v := range hostile() {
		got, err := url.ParseQuery(string(tmpl.Append(nil, entry(v))))
		if err != nil || len(got) != 3 || got.Get("a") != v || got.Get("c") != "4711" {
			t.Errorf("%q: %v, %v", v, got, err)
		}
	}
}

func TestNoValueBreaksOutOfItsLine(t *testing.T) {
	tmpl := template(t, "one $threat_name\ntwo $$5 ${url}s", "text/plain; charset=utf-8")
	for _, v := range hostile() {
		b := string(tmpl.Append(nil, entry(v)))
		if strings.Count(b, "\n") != 1 || strings.ContainsAny(b, "\r\x00\x1b\u0085\u2028") || !strings.Contains(b, "\ntwo $5 ") {
			t.Errorf("%q: %q", v, b)
		}
	}
}

func TestTemplateErrors(t *testing.T) {
	for _, tt := range []struct{ text, kind, want string }{
		{`{"a":$threat_name}`, "application/json", "template:1:6: want quotes around $threat_name"},
		{`{"a":"b",` + "\n" + `$src:1}`, "application/json", "template:2:1: want quotes around $src"},
		{`{"a":"\$src"}`, "application/json", "no backslash before $src"},
		{`{"a":"\u00$src"}`, "application/json", "want application/json"},
		{`{"a":0$threatid}`, "application/json", "want application/json"},
		{`{"a":"$src"`, "application/json", "want application/json"},
		{`{"a":1}{"b":2}`, "application/json", "want application/json"},
		{"{\"a\":1}\n{", "application/x-ndjson", "want application/x-ndjson"},
		{`<a b=$src></a>`, "text/xml", "want text/xml"},
		{`<a $src></a>`, "text/xml", "want text/xml"},
		{`<$src/>`, "text/xml", "want text/xml"},
		{`a,$src`, "text/csv", "want JSON, application"},
		{`<p>$src`, "text/html", "want JSON, application"},
		{`$`, "text/plain", "template:1:1: want a variable's name"},
		{`${}`, "text/plain", "want a variable's name"},
		{`${src`, "text/plain", "want } after ${"},
		{`$adr_src`, "text/plain", "did you mean $addr_src?"},
		{strings.Repeat("x", maxTemplate+1), "text/plain", "want at most"},
	} {
		_, err := ParseTemplate(tt.text, tt.kind)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.40s: got %v, want %q", tt.text, err, tt.want)
		}
	}
}

// FuzzTemplate: whatever template is taken, a rendered value keeps the syntax.
func FuzzTemplate(f *testing.F) {
	for _, v := range hostile() {
		f.Add(`{"a":"$threat_name","n":$threatid}`, v, true)
		f.Add(`<a b="$url">$threat_name</a>`, v, false)
	}
	f.Add(`["\\$src$$",$eve,"\"${flags}"]`, `"`, true)
	f.Fuzz(func(t *testing.T, text, value string, isJSON bool) {
		kind, check := "application/xml", checkXML
		if isJSON {
			kind, check = "application/json", checkJSON
		}
		tmpl, err := ParseTemplate(text, kind)
		if (tmpl == nil) != (err != nil) {
			t.Fatalf("template %v, error %v", tmpl, err)
		}
		if err != nil {
			return
		}
		b := tmpl.Append(nil, entry(value))
		if err := check(b); err != nil && !strings.Contains(string(b), "--") {
			t.Fatalf("%v in %q", err, b)
		}
	})
}
