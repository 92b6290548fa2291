package rulesource

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const ruleText = "alert tcp any any -> any any (msg:\"a\"; sid:1;)\n"

func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestConditional(t *testing.T) {
	for name, header := range map[string][2]string{
		"etag": {"ETag", "If-None-Match"}, "time": {"Last-Modified", "If-Modified-Since"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				asked++
				w.Header().Set(header[0], "v1")
				if r.Header.Get(header[1]) == "v1" {
					w.WriteHeader(http.StatusNotModified)
					return
				}
				fmt.Fprint(w, ruleText)
			})
			f := &Fetcher{}
			s := &Source{Name: "s", URL: url + "/a.rules"}
			first, err := f.Fetch(t.Context(), s, nil, nil)
			if err != nil || string(first.Content) != ruleText || first.State.Base != "a.rules" {
				t.Fatalf("%v, %+v", err, first)
			}
			again, err := f.Fetch(t.Context(), s, &first.State, first.Content)
			if err != nil || !again.Unchanged || again.State != first.State || asked != 2 {
				t.Errorf("%v, %+v, asked %d times", err, again, asked)
			}
			// Another address is asked without the tags of this one.
			moved, err := f.Fetch(t.Context(), &Source{Name: "s", URL: url + "/b.rules"}, &first.State, first.Content)
			if err != nil || moved.Unchanged {
				t.Errorf("%v, %+v", err, moved)
			}
		})
	}
}

// TestUnasked304: a server that says "not modified" to who did not ask.
func TestUnasked304(t *testing.T) {
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) })
	if _, err := (&Fetcher{}).Fetch(t.Context(), &Source{Name: "s", URL: url}, nil, nil); err == nil {
		t.Error("no error")
	}
}

func TestFetchErrors(t *testing.T) {
	const secret = "s3cr3t"
	loop := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/"+secret+"/loop?code="+secret, http.StatusFound)
	}
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want string
	}{
		"status":  {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "403 Forbidden"},
		"missing": {http.NotFound, "404"},
		"loop":    {loop, "more than 5 redirects"},
		"truncated": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprint(w, ruleText)
		}, "cut short"},
		"announced": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "99999999") }, "longer than"},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for range 1000 {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}, "longer than"},
		"hangs up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, c.h)
			url = strings.Replace(url, "://", "://user:"+secret+"@", 1) + "/" + secret + "/a.rules?code=" + secret
			f := &Fetcher{Limits: Limits{Packed: 4096}}
			got, err := f.Fetch(t.Context(), &Source{Name: "s", URL: url}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%v, %+v", err, got)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the message shows a code: %v", err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	url := serve(t, http.NotFound)
	if _, err := (&Fetcher{}).Fetch(ctx, &Source{Name: "s", URL: url + "/" + secret}, nil, nil); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestDowngrade: no redirect leads from https to http.
func TestDowngrade(t *testing.T) {
	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, ruleText) })
	srv := httptest.NewTLSServer(http.RedirectHandler(plain, http.StatusFound))
	defer srv.Close()
	client := srv.Client()
	client.CheckRedirect = checkRedirect
	_, err := (&Fetcher{Client: client}).Fetch(t.Context(), &Source{Name: "s", URL: srv.URL}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "redirect from https to http") {
		t.Error(err)
	}
}

func TestChecksum(t *testing.T) {
	sum := md5.Sum([]byte(ruleText))
	good := hex.EncodeToString(sum[:])
	digest, downloads := good, 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, ".md5") {
			fmt.Fprint(w, digest)
			return
		}
		downloads++
		fmt.Fprint(w, ruleText)
	})
	s := &Source{Name: "s", URL: url + "/a.rules", ChecksumURL: url + "/a.rules.md5"}
	f := &Fetcher{}
	first, err := f.Fetch(t.Context(), s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The digest alone says that nothing is new.
	again, err := f.Fetch(t.Context(), s, &first.State, first.Content)
	if err != nil || !again.Unchanged || downloads != 1 {
		t.Errorf("%v, %+v, %d downloads", err, again, downloads)
	}
	for name, c := range map[string]struct{ digest, want string }{
		"wrong":       {strings.Repeat("0", 32), "does not have the digest"},
		"none":        {"<html>", "no digest found"},
		"odd":         {good[:31], "no digest found"},
		"others only": {good + "  b.rules\n", "no digest found"},
		"listed":      {strings.Repeat("1", 32) + "  b.rules\n" + good + " *dir/a.rules\n", ""},
		"upper case":  {strings.ToUpper(good), ""},
	} {
		digest = c.digest
		_, err := f.Fetch(t.Context(), s, nil, nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	for n := range 4 {
		if d := digestOf(strings.Repeat("0", 32), 32); !digestMatches(hexOf(n), []byte(ruleText)) || d == "" {
			t.Errorf("digest %d does not match", n)
		}
	}
}

// TestPinned: sha256 pins the content, and saves asking.
func TestPinned(t *testing.T) {
	asked := 0
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) { asked++; fmt.Fprint(w, ruleText) })
	s := &Source{Name: "s", URL: url + "/a.rules", SHA256: strings.ToUpper(hexOf(2))}
	f := &Fetcher{}
	first, err := f.Fetch(t.Context(), s, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := f.Fetch(t.Context(), s, &first.State, first.Content)
	if err != nil || !again.Unchanged || asked != 1 {
		t.Errorf("%v, %+v, asked %d times", err, again, asked)
	}
	s.SHA256 = strings.Repeat("0", 64)
	if _, err := f.Fetch(t.Context(), s, &first.State, first.Content); err == nil || !strings.Contains(err.Error(), "SHA-256 is "+hexOf(2)) {
		t.Error(err)
	}
}

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		"https://h.example/open/suricata-7.0/emerging.rules.tar.gz":   "https://h.example/.../emerging.rules.tar.gz",
		"https://h.example/emerging.rules":                            "https://h.example/emerging.rules",
		"https://u:p@h.example:8443/CODE/etpro.rules.tar.gz?code=x#y": "https://h.example:8443/.../etpro.rules.tar.gz",
		"https://h.example/CODE":                                      "https://h.example/...",
		"https://h.example":                                           "https://h.example/...",
		"https://u:p%zz@h.example/a.rules":                            "***",
		"u:p@h":                                                       "***",
	} {
		if got := Masked(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestSourceCheck(t *testing.T) {
	for want, s := range map[string]Source{
		"":             {Name: "et-open", URL: "https://h.example/a.rules", ChecksumURL: "https://h.example/a.rules.md5", SHA256: strings.Repeat("a", 64)},
		"name url":     {},
		"name":         {Name: "../x", Path: "/x"},
		"path":         {Name: "x", Path: "/x", URL: "http://h.example"},
		"url":          {Name: "x", URL: "ftp://h.example/x"},
		"sha256":       {Name: "x", Path: "/x", SHA256: "12"},
		"checksum_url": {Name: "x", Path: "/x", ChecksumURL: "https://h.example/x"},
	} {
		var got []string
		for _, e := range s.Check() {
			got = append(got, e.Key)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%+v: %v, want %q", s, got, want)
		}
	}
}

// hexOf is a digest of ruleText: 0 and 1 MD5, others SHA-256.
func hexOf(n int) string {
	if n < 2 {
		sum := md5.Sum([]byte(ruleText))
		return hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256([]byte(ruleText))
	return hex.EncodeToString(sum[:])
}
