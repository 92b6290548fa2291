package demo

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// NewSecret makes a signing secret in the form of Standard Webhooks.
func NewSecret() string {
	var b [24]byte
	rand.Read(b[:]) // never fails: crypto/rand
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// Delivery is one webhook as it arrived.
type Delivery struct {
	Time     time.Time
	ID       string
	Valid    bool // signed with our secret, within the last minutes
	Threat   string
	Severity string
}

// Received are a Receiver's totals.
type Received struct {
	Valid   uint64 // deliveries with a valid signature, each ID once
	Again   uint64 // of IDs that had come before
	Invalid uint64 // unsigned, wrongly signed, or unreadable
}

// Receiver takes webhooks on loopback and verifies their signatures: what a
// ticket system would do.
type Receiver struct {
	ln     net.Listener
	srv    *http.Server
	verify *standardwebhooks.Webhook
	on     func(Delivery)

	mu  sync.Mutex
	ids map[string]bool
	c   Received
}

// maxWebhook bounds what is read of a request.
const maxWebhook = 1 << 20

// NewReceiver listens on a free port of 127.0.0.1; on, which may be nil, is told
// of every delivery and may be called by several goroutines.
func NewReceiver(secret string, on func(Delivery)) (*Receiver, error) {
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Receiver{ln: ln, verify: verify, on: on, ids: map[string]bool{}}
	r.srv = &http.Server{Handler: http.HandlerFunc(r.take), ReadHeaderTimeout: 5 * time.Second}
	return r, nil
}

// URL is where deliveries go.
func (r *Receiver) URL() string { return "http://" + r.ln.Addr().String() + "/threats" }

// Run serves until Close.
func (r *Receiver) Run() error {
	if err := r.srv.Serve(r.ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close ends Run.
func (r *Receiver) Close() error { return errors.Join(r.srv.Close(), ignoreClosed(r.ln.Close())) }

// ignoreClosed lets a listener be closed twice: by the server, and by us when
// it never ran.
func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Totals returns the counters.
func (r *Receiver) Totals() Received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.c
}

func (r *Receiver) take(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxWebhook))
	if err != nil {
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	d := Delivery{Time: time.Now(), ID: req.Header.Get(standardwebhooks.HeaderWebhookID)}
	var text struct {
		Threat   string `json:"threat"`
		Severity string `json:"severity"`
	}
	d.Valid = r.verify.Verify(body, req.Header) == nil && json.Unmarshal(body, &text) == nil
	d.Threat, d.Severity = text.Threat, text.Severity
	r.count(&d)
	if r.on != nil {
		r.on(d)
	}
	if !d.Valid {
		http.Error(w, "signature", http.StatusUnauthorized)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *Receiver) count(d *Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !d.Valid:
		r.c.Invalid++
	case r.ids[d.ID]:
		r.c.Again++
	default:
		r.ids[d.ID] = true
		r.c.Valid++
	}
}
