package http

import (
	"strings"
	"testing"
)

func TestMask(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"/a/b?x=1&y=2#z", "/a/b?x=1&y=2#z"},
		{"/@scope/a@1.2?q=a@b", "/@scope/a@1.2?q=a@b"},
		{"https://cdn.example:8080/@scope/a@1.2", "https://cdn.example:8080/@scope/a@1.2"},
		{"a.example:443", "a.example:443"},
		{"http://u:p@h/x", "http://***@h/x"},
		{"//u:p@h/", "//***@h/"},
		{"u:p@h/x", "***@h/x"},
		{"http:/u:p@h", "http:/***@h"},
		{`http:\\u:p@h`, `http:\\***@h`},
		{"http://u:a/p@h/x", "http://***@h/x"},
		{"http://u:a p@h/x", "http://***@h/x"},
		{"/r?u=http://u:p@h/x", "/r?u=http://***@h/x"},
		{"/r?u=http%3A%2F%2Fu%3Ap%40h%2Fx", "/r?u=http%3A%2F%2F***%40h%2Fx"},
		{"/r?u=//u:p@h/x", "/r?u=//***@h/x"},
		{"/r?access_token=p&x=1", "/r?access_token=***&x=1"},
		{"/r?Pass%77ord=p%26q;r", "/r?Pass%77ord=***"},
		{"/r?user[password]=p&x=1", "/r?user[password]=***&x=1"},
		{"/r#id_token=p", "/r#id_token=***"},
		{"/r?to=%2Fx%3Ftoken%3Dp%26y%3D1", "/r?to=%2Fx%3Ftoken%3D***%26y%3D1"},
		{"/o?X-Amz-Credential=id&X-Amz-Signature=p", "/o?X-Amz-Credential=id&X-Amz-Signature=***"},
		{"/r?password=", "/r?password="},
		{"/r?+token=p&%20token=p& token=p", "/r?+token=***&%20token=***& token=***"},
		{"/r?q=password=x", "/r?q=password=x"},
		{"", ""}, {"%", "%"}, {"@", "@"}, {"?", "?"},
	} {
		if got := string(appendMasked(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.in, got, tt.want)
		}
	}
	in, dst := []byte("http://u:p@h/?token=x&u=http://a:b@c/"), make([]byte, 0, 256)
	if n := testing.AllocsPerRun(10, func() { appendMasked(dst, in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("http://h/", "x=1")
	f.Add("/a?b", "#c")
	f.Fuzz(func(t *testing.T, before, after string) {
		const secret = "S3cr3tPa55"
		for _, in := range []string{
			before, "http://u:" + secret + "@h/", "/?password=" + secret + "&" + after, "/?" + after + "&token=" + secret,
		} {
			out := string(appendMasked(nil, []byte(in)))
			if in != before && !strings.Contains(after, "=") && strings.Contains(out, secret) {
				t.Errorf("%q: %q", in, out)
			}
			if len(out) > 3*len(in) {
				t.Errorf("%d bytes of %d", len(out), len(in))
			}
			if !strings.ContainsAny(in, "@=%") && out != in {
				t.Errorf("%q: %q", in, out)
			}
		}
	})
}
