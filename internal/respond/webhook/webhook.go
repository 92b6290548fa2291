// Package webhook delivers records as HTTP requests, signed as Standard
// Webhooks describes, so that the receiver can tell ours from anybody's.
//
// It never follows redirects, never sends to a receiver whose certificate it
// cannot verify, and keeps no more of an answer than its status.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mirrorwall/mirrorwall/internal/respond"
)

// Config is a webhook as configured.
type Config struct {
	URL         string            `yaml:"url"`
	Method      string            `yaml:"method"`       // POST (default) or PUT
	ContentType string            `yaml:"content_type"` // application/json
	Headers     map[string]string `yaml:"headers"`
	// Body is a template; the default is the record with its main fields.
	Body string `yaml:"body"`
	// SecretFile or SecretEnv hold the signing secret, "whsec_" and base64.
	// Without one requests are not signed.
	SecretFile string `yaml:"secret_file"`
	SecretEnv  string `yaml:"secret_env"`
	// CAFile replaces the system's certificate authorities.
	CAFile string `yaml:"ca_file"`
}

// defaultBody names what most receivers ask for and carries the whole record.
const defaultBody = `{"type":"mirrorwall.$type","time":"$receive_time","severity":"$severity","threat":"$threat_name",` +
	`"threatid":$threatid,"src":"$src","sport":$sport,"dst":"$dst","dport":$dport,"proto":"$proto","app":"$app",` +
	`"hostname":"$hostname","vni":$vni,"record":$eve}`

// Descriptor is the action's entry in the list of actions.
func Descriptor() respond.Descriptor {
	return respond.Descriptor{Name: "webhook", New: func(decode func(any) error) (respond.Action, error) {
		var cfg Config
		if err := decode(&cfg); err != nil {
			return nil, err
		}
		return New(cfg)
	}}
}

// Hook is one configured webhook; it is safe for concurrent use.
type Hook struct {
	cfg    Config
	body   *respond.Template
	signer *standardwebhooks.Webhook
	client *http.Client
}

var _ respond.Action = (*Hook)(nil)

// New checks cfg and makes the action. The secret is read once. Errors are
// SettingErrors, joined.
func New(cfg Config) (*Hook, error) {
	if cfg.Method == "" {
		cfg.Method = http.MethodPost
	}
	if cfg.ContentType == "" {
		cfg.ContentType = "application/json"
	}
	if cfg.Body == "" {
		cfg.Body = defaultBody
	}
	var errs []error
	bad := func(key string, err error) {
		if err != nil {
			errs = append(errs, &respond.SettingError{Key: key, Err: err})
		}
	}
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		// Not quoted: there may be a token in it.
		bad("url", errors.New("want http:// or https:// and a host"))
	}
	if cfg.Method != http.MethodPost && cfg.Method != http.MethodPut {
		bad("method", fmt.Errorf("want POST or PUT, got %q", cfg.Method))
	}
	h := &Hook{cfg: cfg}
	var te *respond.TemplateError
	if h.body, err = respond.ParseTemplate(cfg.Body, cfg.ContentType); errors.As(err, &te) {
		bad("body", err)
	} else {
		bad("content_type", err)
	}
	h.signer, err = signer(cfg)
	bad(secretKey(cfg), err)
	h.client, err = client(cfg)
	bad("ca_file", err)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return h, nil
}

// secretKey is the setting that the secret comes from.
func secretKey(cfg Config) string {
	if cfg.SecretFile == "" {
		return "secret_env"
	}
	return "secret_file"
}

func signer(cfg Config) (*standardwebhooks.Webhook, error) {
	var secret string
	switch {
	case cfg.SecretFile != "":
		b, err := os.ReadFile(cfg.SecretFile)
		if err != nil {
			return nil, err
		}
		secret = strings.TrimSpace(string(b))
	case cfg.SecretEnv != "":
		secret = os.Getenv(cfg.SecretEnv)
		if secret == "" {
			return nil, fmt.Errorf("%s is not set", cfg.SecretEnv)
		}
	default:
		return nil, nil
	}
	s, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		// The library's error might quote the secret.
		return nil, errors.New("want whsec_ and base64")
	}
	return s, nil
}

func client(cfg Config) (*http.Client, error) {
	t := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 2,
		IdleConnTimeout:     90 * time.Second,
		ForceAttemptHTTP2:   true,
	}
	if cfg.CAFile != "" {
		pem, err := os.ReadFile(cfg.CAFile)
		if err != nil {
			return nil, err
		}
		t.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !t.TLSClientConfig.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("want PEM certificates in %s", cfg.CAFile)
		}
	}
	return &http.Client{Transport: direct{t}}, nil
}

// direct follows no redirect, and does not read where it leads: an error about
// that would quote a receiver that repeats the URL.
type direct struct{ *http.Transport }

func (d direct) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := d.Transport.RoundTrip(req)
	if err == nil {
		resp.Header.Del("Location")
	}
	return resp, err
}

// maxAnswer is how much of an answer is read, so that the connection can be
// used again.
const maxAnswer = 64 << 10

// Deliver implements respond.Action.
func (h *Hook) Deliver(ctx context.Context, d *respond.Delivery) error {
	body := h.body.Append(nil, d.Entry)
	req, err := http.NewRequestWithContext(ctx, h.cfg.Method, h.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return respond.Permanent(withoutURL(err))
	}
	for k, v := range h.cfg.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", h.cfg.ContentType)
	req.Header.Set("User-Agent", "mirrorwall")
	if err := h.sign(req, d.ID, body); err != nil {
		return respond.Permanent(err)
	}
	return do(h.client, req)
}

// do sends and judges the answer.
func do(client *http.Client, req *http.Request) error {
	resp, err := client.Do(req)
	if err != nil {
		return withoutURL(err)
	}
	// Only the status counts; the rest is read so that the connection can be
	// used again, and an answer that breaks off changes nothing.
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	_ = resp.Body.Close()
	return judge(resp)
}

// sign sets the Standard Webhooks headers: id, time and HMAC-SHA-256 over id,
// time and body.
func (h *Hook) sign(req *http.Request, id string, body []byte) error {
	now := time.Now()
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if h.signer == nil {
		return nil
	}
	sig, err := h.signer.Sign(id, now, body)
	if err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, sig)
	return nil
}

// judge turns a status into done, try again, or never.
func judge(resp *http.Response) error {
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return nil
	}
	err := fmt.Errorf("receiver answered %d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
	default:
		if resp.StatusCode < 500 {
			return respond.Permanent(err)
		}
	}
	if s, convErr := strconv.Atoi(resp.Header.Get("Retry-After")); convErr == nil && s > 0 && s < 86400 {
		return respond.Later(err, time.Duration(s)*time.Second)
	}
	return err
}

// withoutURL drops the URL from a client error: it may hold a token.
func withoutURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
