package rulesource

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

// State is what is known of the content that a source brought last.
type State struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Origin       string `json:"origin"` // digest of URL or path
	Blob         string `json:"blob"`   // SHA-256 of the content
	Base         string `json:"base"`   // name of the file it came as
}

// Fetched is what a source brings.
type Fetched struct {
	State     State
	Content   []byte // nil when Unchanged
	Unchanged bool
}

// Fetcher brings the content of sources. The zero value works.
type Fetcher struct {
	Client *http.Client // nil: NewClient
	Limits Limits
	// Progress, when not nil, is told how much of a content has come; total
	// is -1 when the server does not say.
	Progress func(source string, done, total int64)
}

const (
	maxRedirects = 5
	maxDigest    = 64 << 10 // bytes of a file of digests
	headerWait   = 30 * time.Second
	contentWait  = 10 * time.Minute
)

// NewClient makes a client for publishers: proxies from the environment, at
// most five redirects and none from https to http, and bytes as they are sent.
func NewClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			ResponseHeaderTimeout: headerWait,
			TLSHandshakeTimeout:   headerWait,
			DisableCompression:    true,
			ForceAttemptHTTP2:     true,
			DisableKeepAlives:     true, // each address is asked once
		},
		CheckRedirect: checkRedirect,
	}
}

func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("redirect from https to " + r.URL.Scheme)
	}
	return nil
}

// origin names where content comes from, without showing it.
func (s *Source) origin() string {
	sum := sha256.Sum256([]byte(s.URL + "\x00" + s.Path))
	return hex.EncodeToString(sum[:8])
}

// Fetch brings a source's content when it is not what last and old tell of;
// last may be nil. Errors name no address: Source.Where does.
func (f *Fetcher) Fetch(ctx context.Context, s *Source, last *State, old []byte) (*Fetched, error) {
	if last != nil && last.Origin != s.origin() {
		last = nil
	}
	if last != nil && s.SHA256 != "" && strings.EqualFold(s.SHA256, last.Blob) {
		return &Fetched{State: *last, Unchanged: true}, nil
	}
	out := &Fetched{State: State{Origin: s.origin()}}
	var err error
	if s.URL == "" {
		out.State.Base, out.Content, err = readPath(s.Path, f.Limits)
	} else {
		ctx, cancel := context.WithTimeout(ctx, contentWait)
		defer cancel()
		err = f.download(ctx, s, last, old, out)
	}
	if err != nil || out.Unchanged {
		return out, err
	}
	sum := sha256.Sum256(out.Content)
	out.State.Blob = hex.EncodeToString(sum[:])
	if s.SHA256 != "" && !strings.EqualFold(s.SHA256, out.State.Blob) {
		return nil, hinted("the content is not the one that sha256: pins; if its publisher changed it on purpose, pin the new digest",
			"SHA-256 is %s, want %s", out.State.Blob, strings.ToLower(s.SHA256))
	}
	if last != nil && out.State.Blob == last.Blob {
		out.Content, out.Unchanged = nil, true
	}
	return out, nil
}

func (f *Fetcher) download(ctx context.Context, s *Source, last *State, old []byte, out *Fetched) error {
	digest := ""
	if s.ChecksumURL != "" {
		var err error
		if digest, err = f.digest(ctx, s); err != nil {
			return fmt.Errorf("checksum: %w", err)
		}
		if last != nil && digestMatches(digest, old) {
			out.State, out.Unchanged = *last, true
			return nil
		}
		last = nil // what the server has is something else
	}
	resp, err := f.get(ctx, s.URL, last)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if resp.StatusCode == http.StatusNotModified && last != nil {
		out.State, out.Unchanged = *last, true
		return nil
	}
	if err := checkStatus(resp); err != nil {
		return err
	}
	most := f.Limits.filled().Packed
	if resp.ContentLength > most {
		return tooLong(most)
	}
	body := &counted{r: resp.Body, tell: func(n int64) {
		if f.Progress != nil {
			f.Progress(s.Name, n, resp.ContentLength)
		}
	}}
	if out.Content, err = io.ReadAll(&bounded{r: body, left: most, most: most}); err != nil {
		return damaged(masked(err))
	}
	if digest != "" && !digestMatches(digest, out.Content) {
		return hinted("damaged on its way, or the publisher is writing it at the moment: try again", "the content does not have the digest that checksum_url: names")
	}
	out.State.Base = path.Base(resp.Request.URL.Path)
	out.State.ETag, out.State.LastModified = header(resp, "ETag"), header(resp, "Last-Modified")
	return nil
}

// header is a response header of a length that is worth keeping.
func header(r *http.Response, name string) string {
	if v := r.Header.Get(name); len(v) <= 256 {
		return v
	}
	return ""
}

func (f *Fetcher) get(ctx context.Context, address string, last *State) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not a URL")
	}
	req.Header.Set("User-Agent", "mirrorwall")
	if last != nil && last.ETag != "" {
		req.Header.Set("If-None-Match", last.ETag)
	}
	if last != nil && last.LastModified != "" {
		req.Header.Set("If-Modified-Since", last.LastModified)
	}
	client := f.Client
	if client == nil {
		client = NewClient()
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, hinted("is the address reachable from here? HTTPS_PROXY names a proxy", "%w", masked(err))
	}
	return resp, nil
}

// masked takes the addresses out of an error of net/http, which carry codes.
func masked(err error) error {
	for {
		var ue *url.Error
		if !errors.As(err, &ue) {
			return err
		}
		err = ue.Err
	}
}

func checkStatus(r *http.Response) error {
	hint := "try again later"
	switch r.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		hint = "is the access code in the URL right, and still valid?"
	case http.StatusNotFound, http.StatusGone:
		hint = "does the URL name a version that is not published any more?"
	case http.StatusTooManyRequests:
		hint = "the publisher asks for fewer requests: once a day is usual"
	}
	return hinted(hint, "the server answers %d %s", r.StatusCode, http.StatusText(r.StatusCode))
}

// counted tells of the bytes that have come.
type counted struct {
	r    io.Reader
	n    int64
	tell func(int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

// digest reads the digest of a source's content from beside it.
func (f *Fetcher) digest(ctx context.Context, s *Source) (string, error) {
	resp, err := f.get(ctx, s.ChecksumURL, nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }() // only read
	if err := checkStatus(resp); err != nil {
		return "", err
	}
	text, err := io.ReadAll(&bounded{r: resp.Body, left: maxDigest, most: maxDigest})
	if err != nil {
		return "", damaged(masked(err))
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return "", errors.New("not a URL")
	}
	if d := findDigest(string(text), path.Base(u.Path)); d != "" {
		return d, nil
	}
	return "", hinted("checksum_url: names a file with a digest in hexadecimal, alone or before a file's name", "no digest found")
}

// findDigest finds the digest of the named file in the output of md5sum and
// its like, or a digest that stands alone.
func findDigest(text, name string) string {
	alone := ""
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		d := digestOf(fields[0], 32, 40, 64, 128)
		switch {
		case d == "":
		case len(fields) > 1 && path.Base(strings.TrimPrefix(fields[1], "*")) == name:
			return d
		case len(fields) == 1 && alone == "":
			alone = d
		}
	}
	return alone
}

// digestOf is s in lower case when it is so many hexadecimal digits.
func digestOf(s string, lengths ...int) string {
	if _, err := hex.DecodeString(s); err != nil {
		return ""
	}
	for _, n := range lengths {
		if len(s) == n {
			return strings.ToLower(s)
		}
	}
	return ""
}

// digestMatches holds content against a digest of the algorithm that its length
// says. MD5 and SHA-1 find damage, not malice; that is what publishers offer.
func digestMatches(digest string, content []byte) bool {
	var h hash.Hash
	switch len(digest) {
	case 32:
		h = md5.New()
	case 40:
		h = sha1.New()
	case 64:
		h = sha256.New()
	default:
		h = sha512.New()
	}
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil)) == digest
}
