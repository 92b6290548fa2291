package console

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mirrorwall/mirrorwall/internal/console/session"
)

// Bounds of what is remembered of writes that carried an Idempotency-Key.
const (
	onceKeep  = 24 * time.Hour
	onceMost  = 4096     // keys
	onceBody  = 16 << 10 // of an answer; a longer one is not given twice
	onceLimit = 255      // bytes of a key
)

// onceOnly makes writes that carry the same Idempotency-Key happen once: the
// second caller gets the first one's answer (draft-ietf-httpapi-idempotency-key).
// It remembers in memory: a start of the console forgets. Answers that hold a
// secret are not kept.
type onceOnly struct {
	now func() time.Time

	mu   sync.Mutex
	all  map[onceKey]*onceAnswer
	line []onceKey // the oldest first
}

type onceKey struct {
	user int64
	key  string
}

type onceAnswer struct {
	request [sha256.Size]byte // method, address and body
	at      time.Time
	done    bool
	kept    bool // the answer can be given again
	status  int
	header  http.Header
	body    []byte
}

func newOnceOnly(now func() time.Time) *onceOnly {
	return &onceOnly{now: now, all: map[onceKey]*onceAnswer{}}
}

func idempotencyParameter() *huma.Param {
	n := onceLimit
	return &huma.Param{Name: "Idempotency-Key", In: "header", Schema: &huma.Schema{Type: "string", MaxLength: &n},
		Description: "a word of the caller's own: the same call with the same key happens once, and is answered alike, for 24 hours"}
}

// secretAnswer reports whether the answers of a path hold what nobody may keep.
func secretAnswer(path string) bool {
	return path == "/api/v1/tokens" || strings.HasPrefix(path, "/api/v1/totp") || path == "/api/v1/password" || path == "/api/v1/login"
}

func (o *onceOnly) handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		who := session.Identity(r.Context())
		if key == "" || r.Method == http.MethodGet || r.Method == http.MethodHead || who.UserID == 0 {
			next.ServeHTTP(w, r)
			return
		}
		if len(key) > onceLimit {
			refuseCall(w, http.StatusUnprocessableEntity, "the Idempotency-Key is longer than "+strconv.Itoa(onceLimit)+" bytes", "a UUID is enough")
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			refuseCall(w, http.StatusRequestEntityTooLarge, "the body is too long, or could not be read", "")
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		h := sha256.New()
		for _, part := range []string{r.Method, r.URL.RequestURI()} {
			_, _ = io.WriteString(h, part+"\x00") // a hash takes everything
		}
		h.Write(body)
		a, first := o.begin(onceKey{who.UserID, key}, [sha256.Size]byte(h.Sum(nil)))
		if !first {
			o.again(w, a, [sha256.Size]byte(h.Sum(nil)))
			return
		}
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		defer func() { o.end(onceKey{who.UserID, key}, a, rec, secretAnswer(r.URL.Path)) }()
		next.ServeHTTP(rec, r)
	})
}

// begin gives what is remembered of a key, or remembers it.
func (o *onceOnly) begin(k onceKey, request [sha256.Size]byte) (a *onceAnswer, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	for len(o.line) > 0 && (len(o.line) >= onceMost || o.all[o.line[0]] == nil || now.Sub(o.all[o.line[0]].at) > onceKeep) {
		delete(o.all, o.line[0])
		o.line = o.line[1:]
	}
	if a := o.all[k]; a != nil {
		c := *a
		return &c, false
	}
	a = &onceAnswer{request: request, at: now}
	o.all[k] = a
	o.line = append(o.line, k)
	return a, true
}

// end remembers an answer; what went wrong for the console's own reasons may be
// tried again.
func (o *onceOnly) end(k onceKey, a *onceAnswer, rec *recorder, secret bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if rec.status >= 500 || rec.status == http.StatusTooManyRequests {
		if o.all[k] == a {
			delete(o.all, k) // its place in the line goes with the oldest
		}
		return
	}
	a.done, a.status = true, rec.status
	if secret && rec.status < 300 || rec.long {
		return
	}
	a.kept, a.body = true, rec.body.Bytes()
	a.header = http.Header{"Content-Type": rec.Header().Values("Content-Type")}
}

// again answers a call that came before.
func (o *onceOnly) again(w http.ResponseWriter, a *onceAnswer, request [sha256.Size]byte) {
	switch {
	case a.request != request:
		refuseCall(w, http.StatusUnprocessableEntity, "this Idempotency-Key came with another request", "a key is for one request")
	case !a.done:
		refuseCall(w, http.StatusConflict, "the first request with this Idempotency-Key is under way", "ask again in a moment")
	case !a.kept:
		refuseCall(w, http.StatusConflict, "this was done already; its answer is not kept", "look at what there is now, or use another key to do it again")
	default:
		for name, v := range a.header {
			w.Header()[name] = v
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(a.status)
		_, _ = w.Write(a.body) // the caller has gone
	}
}

// refuseCall answers with a problem before an operation is asked.
func refuseCall(w http.ResponseWriter, status int, detail, hint string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// The caller may have gone.
	_ = json.NewEncoder(w).Encode(Problem{Type: "about:blank", Title: strings.ToLower(http.StatusText(status)), Status: status, Detail: detail, Hint: hint})
}

// recorder keeps an answer on its way.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
	long   bool
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.body.Len()+len(b) > onceBody {
		r.long = true
	} else {
		r.body.Write(b)
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
