// Package nats is the bus of a fleet: NATS JetStream between sensors and console.
//
// It owns one connection, what it needs on the server (a stream of records and
// two key-value buckets), and four ways to use it: a Forwarder ships a spool's
// blocks as they are, a Source reads them under a named cursor, Publish and Watch
// carry the configuration down as numbered generations that never change, and
// Report and Reports say what each sensor made of them.
//
// The stream keeps one order for each sensor, because a sensor has one block
// under way at a time; a block that the server took but whose acknowledgement was
// lost is sent again under the same message id, which the server drops within its
// window, and the Source drops by the block's position after that. The spool
// bridges every outage: nothing here gives up.
package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Options say where the servers are and what to keep there. Zero fields mean the
// default.
type Options struct {
	URLs []string // nats://HOST:PORT or tls://HOST:PORT; all of one cluster
	Name string   // of this client, for the server's operators

	CA        string // PEM file of the authorities that may have signed the server; the system's
	Cert, Key string // PEM files of this client's certificate, for servers that want one
	// Credentials is a file as nsc writes it (a JWT and its seed). No secret is
	// ever part of an error or of a URL.
	Credentials string

	Prefix   string        // of all names on the server; "mirrorwall"
	Replicas int           // copies of everything, 1, 3 or 5; 1
	MaxBytes int64         // of the records' stream; the oldest go; 10 GiB
	MaxAge   time.Duration // of a record; 7 days
	Dedup    time.Duration // how long the server knows a message's id; 2 min

	Wait    time.Duration // for an answer of the server; 5 s
	Backoff time.Duration // before the first new attempt; doubles up to 64 times that; 100 ms
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "mirrorwall"
	}
	if o.Prefix == "" {
		o.Prefix = "mirrorwall"
	}
	o.Replicas = max(o.Replicas, 1)
	if o.MaxBytes <= 0 {
		o.MaxBytes = 10 << 30
	}
	if o.MaxAge <= 0 {
		o.MaxAge = 7 * 24 * time.Hour
	}
	if o.Dedup <= 0 {
		o.Dedup = 2 * time.Minute
	}
	o.Dedup = min(o.Dedup, o.MaxAge)
	if o.Wait <= 0 {
		o.Wait = 5 * time.Second
	}
	if o.Backoff <= 0 {
		o.Backoff = 100 * time.Millisecond
	}
	return o
}

// Error is a wrong option, with what to do about it.
type Error struct{ Msg, Fix string }

func (e *Error) Error() string { return "bus: " + e.Msg }

// Hint says what to do.
func (e *Error) Hint() string { return e.Fix }

// Conn is a connection that mends itself for ever. Several goroutines may use it.
type Conn struct {
	opt        Options
	nc         *natsgo.Conn
	js         jetstream.JetStream
	reconnects atomic.Uint64
}

// Connect returns a connection that is made now or as soon as a server answers;
// its errors are about the options only.
func Connect(opt Options) (*Conn, error) {
	opt = opt.withDefaults()
	if !isWord(opt.Prefix) {
		return nil, &Error{fmt.Sprintf("prefix: want letters, digits, - and _, got %q", opt.Prefix), "a prefix such as mirrorwall:"}
	}
	if err := checkURLs(opt.URLs); err != nil {
		return nil, err
	}
	c := &Conn{opt: opt}
	options := []natsgo.Option{
		natsgo.Name(opt.Name),
		natsgo.RetryOnFailedConnect(true),
		natsgo.MaxReconnects(-1),
		natsgo.CustomReconnectDelay(func(attempts int) time.Duration { return c.delay(attempts) }),
		natsgo.ReconnectBufSize(-1), // what can't be sent now is the caller's to repeat
		natsgo.ReconnectHandler(func(*natsgo.Conn) { c.reconnects.Add(1) }),
		natsgo.PingInterval(4 * opt.Wait),
		natsgo.MaxPingsOutstanding(2),
	}
	secure, err := opt.tls()
	if err != nil {
		return nil, err
	}
	if secure != nil {
		options = append(options, natsgo.Secure(secure))
	}
	if opt.Credentials != "" {
		if _, err := os.Stat(opt.Credentials); err != nil {
			return nil, fmt.Errorf("bus: credentials: %w", err)
		}
		options = append(options, natsgo.UserCredentials(opt.Credentials))
	}
	if c.nc, err = natsgo.Connect(strings.Join(opt.URLs, ","), options...); err != nil {
		return nil, fmt.Errorf("bus: %w", err)
	}
	if c.js, err = jetstream.New(c.nc, jetstream.WithDefaultTimeout(opt.Wait)); err != nil {
		c.nc.Close()
		return nil, fmt.Errorf("bus: %w", err)
	}
	return c, nil
}

// Close ends the connection and everything that uses it.
func (c *Conn) Close() { c.nc.Close() }

// Connected reports whether a server answers now.
func (c *Conn) Connected() bool { return c.nc.IsConnected() }

// Reconnects counts how often a lost connection was made again.
func (c *Conn) Reconnects() uint64 { return c.reconnects.Load() }

// checkURLs never repeats a URL whole: it may hold a password.
func checkURLs(urls []string) error {
	if len(urls) == 0 {
		return &Error{"no URL", "the servers' addresses, such as nats://nats.example:4222:"}
	}
	for _, s := range urls {
		u, err := url.Parse(s)
		if err != nil {
			return &Error{"a URL cannot be read", "an address such as tls://nats.example:4222:"}
		}
		if u.User != nil {
			return &Error{"the URL of " + u.Host + " holds credentials", "put them into a file and name it as credentials:"}
		}
		if u.Scheme != "nats" && u.Scheme != "tls" || u.Host == "" {
			return &Error{fmt.Sprintf("URL: want nats:// or tls:// and a host, got %q", s), "an address such as tls://nats.example:4222:"}
		}
	}
	return nil
}

// tls is nil when neither a URL nor a file asks for it.
func (o Options) tls() (*tls.Config, error) {
	wanted := o.CA != "" || o.Cert != "" || o.Key != ""
	for _, u := range o.URLs {
		wanted = wanted || strings.HasPrefix(u, "tls:")
	}
	if !wanted {
		return nil, nil
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CA != "" {
		pem, err := os.ReadFile(o.CA)
		if err != nil {
			return nil, fmt.Errorf("bus: CA: %w", err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, &Error{"CA: no certificate in " + o.CA, "a PEM file with BEGIN CERTIFICATE:"}
		}
	}
	if o.Cert == "" && o.Key == "" {
		return conf, nil
	}
	if o.Cert == "" || o.Key == "" {
		return nil, &Error{"a certificate without its key, or a key without its certificate", "name both files, or none:"}
	}
	// Read at each connection: a certificate may be renewed meanwhile.
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(o.Cert, o.Key)
		return &pair, err
	}
	if _, err := load(); err != nil {
		return nil, fmt.Errorf("bus: certificate %s: %w", o.Cert, err)
	}
	conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return conf, nil
}

// delay is how long to wait before the next attempt: doubling, with a part that
// differs between sensors, so that they don't all come at once.
func (c *Conn) delay(attempts int) time.Duration {
	d := c.opt.Backoff << min(max(attempts-1, 0), 6)
	return d/2 + rand.N(d/2+1)
}

// sleep waits before the next attempt; false says that ctx has ended.
func (c *Conn) sleep(ctx context.Context, attempts int) bool {
	t := time.NewTimer(c.delay(attempts))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (c *Conn) stream() string               { return c.opt.Prefix + "-records" }
func (c *Conn) subject(sensor string) string { return c.opt.Prefix + ".records." + sensor }
func (c *Conn) configBucket() string         { return c.opt.Prefix + "-config" }
func (c *Conn) cursorBucket() string         { return c.opt.Prefix + "-cursors" }

// Setup makes what the bus needs on the server, or brings it to the options:
// repeat it until it returns nil. It needs the rights for it; sensors don't.
func (c *Conn) Setup(ctx context.Context) error {
	_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        c.stream(),
		Description: "records of Mirrorwall's sensors, in blocks of their spools",
		Subjects:    []string{c.subject("*")},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		Replicas:    c.opt.Replicas,
		MaxBytes:    c.opt.MaxBytes,
		MaxAge:      c.opt.MaxAge,
		Duplicates:  c.opt.Dedup,
	})
	errs := []error{err}
	for _, b := range []jetstream.KeyValueConfig{
		{Bucket: c.configBucket(), Description: "generations of Mirrorwall's configuration, and what the sensors made of them"},
		{Bucket: c.cursorBucket(), Description: "how far each reader of Mirrorwall's records has come"},
	} {
		b.Storage, b.Replicas, b.History = jetstream.FileStorage, c.opt.Replicas, 1
		_, err := c.js.CreateOrUpdateKeyValue(ctx, b)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	return nil
}

// isWord reports whether s may be part of a subject, a key and a file's name.
func isWord(s string) bool {
	return s != "" && len(s) <= 128 &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}
