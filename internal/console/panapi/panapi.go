// Package panapi answers the PAN-OS XML API, as far as clients of a firewall need
// it: keys, configuration by xpath, commits and their jobs, log queries.
//
// It is a second door to what the REST API does: a key is an API token of package
// access, the configuration is the candidate of package lifecycle as XML of
// package panos, records come from the log store. What the XML has and a policy
// does not speak of is kept in this package's folder, so that it comes back.
// docs/xmlapi.md lists what is answered; a test holds it to the tables here.
package panapi

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/config/panos"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/tags"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// Level is the version of PAN-OS whose API is spoken, as clients ask for it.
const Level = "10.1.0"

// MaxBody bounds a request: an imported file and what a form puts around it.
const MaxBody = panos.MaxBytes + 1<<20

// maxForm bounds the body of a request that is no import.
const maxForm = 8 << 20

// Deps are what the API works on. Now and Log may be left out.
type Deps struct {
	Access  *access.Store
	Config  *lifecycle.Manager
	Store   store.Store
	Tags    *tags.Registry // nil: none are registered
	Dir     string         // its own folder, made when it is missing
	Version string         // of the program
	Now     func() time.Time
	Log     *slog.Logger
}

// Handler answers requests to /api/.
type Handler struct {
	d  Deps
	mu sync.Mutex // one change of the candidate at a time
	q  queries
}

// New makes a handler.
func New(d Deps) (*Handler, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("XML API: %w", err)
	}
	return &Handler{d: d}, nil
}

// request is one call.
type request struct {
	*http.Request
	id  access.Identity
	cmd *command
}

// reply is an answer that is no error.
type reply struct {
	code   string // empty: none is said
	result string // XML
	msg    string // a text in <msg>, in place of a result
	raw    []byte // the whole answer, in place of both
}

// answer is how a call is answered.
type answer struct {
	need access.Permission // empty: a key suffices
	do   func(*Handler, *request) (*reply, error)
}

// refusal is an error as the API tells it.
type refusal struct {
	code  string
	lines []string
}

func (e *refusal) Error() string { return strings.Join(e.lines, "; ") }

func refuse(code, format string, args ...any) error {
	return &refusal{code, []string{fmt.Sprintf(format, args...)}}
}

// Codes of the API.
const (
	codeUnknown   = "1"
	codePath      = "6"
	codeMissing   = "7"
	codeInvalid   = "12"
	codeNothing   = "13"
	codeDenied    = "16"
	codeCommand   = "17"
	codeMalformed = "18"
	codeJob       = "19"
	codeDone      = "20"
)

// types are the values of type=; those of op go by the elements of cmd.
func types() map[string]answer {
	return map[string]answer{
		"version": {"", (*Handler).version},
		"op":      {"", (*Handler).op},
		"config":  {"", (*Handler).config},
		"commit":  {access.ConfigCommit, (*Handler).commit},
		"log":     {access.LogsRead, (*Handler).log},
		"export":  {access.ConfigRead, (*Handler).export},
		"user-id": {access.RespondAct, (*Handler).userID},
		"import":  {access.ConfigEdit, (*Handler).importFile},
	}
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	out, err := h.answer(w, r)
	if err != nil {
		h.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	if out.raw != nil {
		_, _ = w.Write(out.raw) // the caller has gone
		return
	}
	code := ""
	if out.code != "" {
		code = ` code="` + out.code + `"`
	}
	body := "<result>" + out.result + "</result>"
	if out.msg != "" {
		body = "<msg>" + escape(out.msg) + "</msg>"
	}
	_, _ = fmt.Fprintf(w, "<response status=\"success\"%s>%s</response>", code, body) // as above
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request) (*reply, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		return nil, refuse(codeUnknown, "want GET or POST")
	}
	multipart := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/")
	if !multipart {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			return nil, refuse(codeMalformed, "the request can't be read, or is longer than %d MiB", maxForm>>20)
		}
	} else {
		// The file is not read before the key.
		r.Form = r.URL.Query()
	}
	kind := r.Form.Get("type")
	if kind == "keygen" {
		return h.keygen(r)
	}
	id, err := h.identify(r)
	if err != nil {
		return nil, err
	}
	a, ok := types()[kind]
	if !ok {
		return nil, refuse(codeUnknown, "type=%s is not answered here; docs/xmlapi.md lists what is", short(kind))
	}
	q := &request{Request: r, id: id}
	if err := q.allowed(a.need); err != nil {
		return nil, err
	}
	if text := r.Form.Get("cmd"); text != "" {
		if q.cmd, err = parseCommand(text); err != nil {
			return nil, err
		}
	}
	return a.do(h, q)
}

func (q *request) allowed(p access.Permission) error {
	if p != "" && !q.id.Allows(p) {
		return refuse(codeDenied, "the key's permission %s is missing", p)
	}
	return nil
}

// identify finds who calls, by the key.
func (h *Handler) identify(r *http.Request) (access.Identity, error) {
	key := r.Form.Get("key")
	if k := r.Header.Get("X-PAN-KEY"); k != "" {
		key = k
	}
	if key == "" {
		return access.Identity{}, &access.Error{Kind: access.Unauthenticated, Msg: "no key: type=keygen gives one"}
	}
	return h.d.Access.AuthenticateToken(r.Context(), key, address(r))
}

func address(r *http.Request) netip.Addr {
	a, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return a.Addr().Unmap()
}

// Keys that keygen gives: tokens that end by themselves, and of which a user has
// so many at most: clients ask for one each time they start.
const (
	keyName = "XML API"
	keyLife = 30 * 24 * time.Hour
	maxKeys = 16
)

// keygen makes a key of a name and a password. It counts as a sign-in: attempts
// are throttled, and are on the audit log.
func (h *Handler) keygen(r *http.Request) (*reply, error) {
	user, password, basic := r.BasicAuth()
	if !basic {
		user, password = r.Form.Get("user"), r.Form.Get("password")
	}
	ctx := r.Context()
	cookie, _, err := h.d.Access.Login(ctx, access.LoginRequest{Name: user, Password: password, Address: address(r), Agent: keyName})
	if errors.Is(err, access.CodeNeeded) {
		return nil, &access.Error{Kind: access.Unauthenticated, Msg: "the account has a second factor: make an API token, it is a key"}
	}
	if err != nil {
		return nil, err
	}
	id, err := h.d.Access.Authenticate(ctx, cookie, address(r))
	if err != nil {
		return nil, err
	}
	text, err := h.key(ctx, id)
	err = errors.Join(err, h.d.Access.RevokeSession(ctx, id, id.Session))
	return &reply{result: "<key>" + escape(text) + "</key>"}, err
}

func (h *Handler) key(ctx context.Context, id access.Identity) (string, error) {
	all, err := h.d.Access.Tokens(ctx, id, id.UserID)
	if err != nil {
		return "", err
	}
	var old []access.Token
	for _, t := range all {
		if t.Name == keyName {
			old = append(old, t)
		}
	}
	for len(old) >= maxKeys {
		oldest := 0
		for i := range old {
			if old[i].Created.Before(old[oldest].Created) {
				oldest = i
			}
		}
		if err := h.d.Access.RevokeToken(ctx, id, old[oldest].ID); err != nil {
			return "", err
		}
		old = append(old[:oldest], old[oldest+1:]...)
	}
	text, _, err := h.d.Access.CreateToken(ctx, id, access.NewToken{Name: keyName, Scopes: id.Permissions, Expires: h.d.Now().Add(keyLife)})
	return text, err
}

// fail writes an error. What is not the caller's doing is logged, without the
// request: its parameters hold keys.
func (h *Handler) fail(w http.ResponseWriter, err error) {
	status := http.StatusOK
	var (
		r     *refusal
		a     *access.Error
		l     *lifecycle.Error
		query *store.QueryError
		wrong *filter.Error
		parse *panos.ParseError
		path  *panos.PathError
		edit  *panos.EditError
		no    *panos.RefusedError
		conf  config.Errors
		tag   *tags.Error
	)
	switch {
	case errors.As(err, &r):
	case errors.As(err, &a):
		r = &refusal{codeDenied, []string{a.Msg, a.Hint}}
		switch a.Kind {
		case access.Unauthenticated, access.Forbidden, access.SetupNeeded:
			status, r.code = http.StatusForbidden, "403"
		case access.Throttled:
			status, r.code = http.StatusTooManyRequests, "403"
		}
	case errors.As(err, &l):
		r = &refusal{map[lifecycle.Kind]string{lifecycle.Missing: codeMissing, lifecycle.Invalid: codeInvalid, lifecycle.Conflict: codeCommand}[l.Kind], []string{l.Msg, l.Fix}}
	case errors.As(err, &no):
		r = &refusal{codeInvalid, []string{no.Error(), no.Hint()}}
	case errors.As(err, &parse):
		r = &refusal{codeMalformed, []string{parse.Error(), parse.Hint()}}
	case errors.As(err, &path):
		r = &refusal{codePath, []string{path.Error(), path.Hint()}}
	case errors.As(err, &edit):
		r = &refusal{codeInvalid, []string{edit.Error()}}
		if edit.Missing {
			r.code = codeMissing
		}
	case errors.As(err, &wrong):
		r = &refusal{codeInvalid, []string{wrong.Error(), wrong.Hint}}
	case errors.As(err, &query):
		r = &refusal{codeInvalid, []string{query.Msg, query.Hint}}
	case errors.As(err, &tag):
		r = &refusal{codeInvalid, []string{tag.Msg}}
	case errors.As(err, &conf):
		r = &refusal{codeInvalid, strings.Split(conf.Error(), "\n")}
	default:
		h.d.Log.Error("XML API", "error", err)
		status, r = http.StatusInternalServerError, &refusal{codeUnknown, []string{"internal error, the console's log says more"}}
	}
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(status)
	body := ""
	for _, line := range r.lines {
		if line != "" {
			body += "<line>" + escape(line) + "</line>"
		}
	}
	_, _ = fmt.Fprintf(w, "<response status=\"error\" code=\"%s\"><msg>%s</msg></response>", r.code, body) // the caller has gone
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a builder takes everything
	return b.String()
}

// short bounds what is repeated of a request.
func short(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// audit notes a change.
func (h *Handler) audit(q *request, action, object, detail string) error {
	return h.d.Access.Record(q.Context(), q.id, access.Event{Action: action, Object: object, Detail: detail})
}
