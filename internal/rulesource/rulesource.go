// Package rulesource keeps the rules that others publish: it fetches sources,
// unpacks them within bounds, applies lists in suricata-update's syntax, and
// stores the outcome as generations of which one is in force.
//
// It owns the folder of the Store. It compiles nothing and never decides that a
// set is activated: who does measures the Plan, asks Judge, and commits it. URLs
// carry access codes; no message of this package holds more of one than Masked
// leaves.
package rulesource

import (
	"fmt"
	"net/url"
	"path"
	"strings"
)

// Source is one publisher's rules, from a URL or a local path.
type Source struct {
	Name string // unique; names a folder
	// URL is http or https: a .rules file, or a .tar.gz of them.
	URL string
	// Path is a folder, a .rules file or a .tar.gz.
	Path string
	// SHA256 pins the content, in hex; empty: any.
	SHA256 string
	// ChecksumURL names a digest of the content; its length says which: MD5,
	// SHA-1, SHA-256 or SHA-512.
	ChecksumURL string
}

// SourceError is what is wrong with one setting of a source.
type SourceError struct {
	Key, Msg, Hint string
}

func (e *SourceError) Error() string { return e.Key + ": " + e.Msg }

// maxName bounds a source's name, which is a folder's.
const maxName = 64

// Check returns what is wrong with the settings, nil when nothing is.
func (s *Source) Check() []*SourceError {
	var out []*SourceError
	bad := func(key, hint, format string, args ...any) {
		out = append(out, &SourceError{key, fmt.Sprintf(format, args...), hint})
	}
	if !validName(s.Name) {
		bad("name", "", "want 1 to %d letters, digits, - and _, got %q", maxName, s.Name)
	}
	switch {
	case s.URL == "" && s.Path == "":
		bad("url", "", "want url: or path:")
	case s.URL != "" && s.Path != "":
		bad("path", "", "want url: or path:, got both")
	case s.URL != "":
		checkURL("url", s.URL, bad)
	}
	if s.SHA256 != "" && digestOf(s.SHA256, 64) == "" {
		bad("sha256", "", "want 64 hexadecimal digits")
	}
	if s.ChecksumURL != "" {
		if s.URL == "" {
			bad("checksum_url", "pin a local file with sha256:", "belongs to a url:")
		}
		checkURL("checksum_url", s.ChecksumURL, bad)
	}
	return out
}

func checkURL(key, text string, bad func(key, hint, format string, args ...any)) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		bad(key, "local files are named with path:", "want http:// or https:// and a host")
	}
}

func validName(s string) bool {
	return s != "" && len(s) <= maxName &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// Masked is what may be shown of a URL: scheme, host and, where it is a file of
// rules, its name. Publishers put access codes into userinfo, query and path
// alike.
func Masked(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "***"
	}
	out := u.Scheme + "://" + u.Host
	base := path.Base(u.Path)
	for _, ext := range []string{".rules", ".rules.gz", ".tar.gz", ".tgz", ".md5", ".sha1", ".sha256", ".sha512"} {
		if strings.HasSuffix(base, ext) {
			if path.Dir(u.Path) == "/" {
				return out + "/" + base
			}
			return out + "/.../" + base
		}
	}
	return out + "/..."
}

// Where says for people where a source's rules come from.
func (s *Source) Where() string {
	if s.URL != "" {
		return Masked(s.URL)
	}
	return s.Path
}

// Error is a failure with what a person can do about it.
type Error struct {
	Err  error
	What string // to do
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *Error) Hint() string { return e.What }

func hinted(hint, format string, args ...any) error {
	return &Error{fmt.Errorf(format, args...), hint}
}
