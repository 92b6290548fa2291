package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/respond"
)

// Profile delivers as an HTTP server profile of the policy says (PAN-OS: Device >
// Server Profiles > HTTP): the next server is asked when one fails. It is safe for
// concurrent use.
type Profile struct {
	servers []target
	path    *respond.Template
	params  map[string]*respond.Template
	headers map[string]*respond.Template
	body    *respond.Template
	content string
	client  *http.Client
}

type target struct{ base, method, user, password string }

var _ respond.Action = (*Profile)(nil)

// NewProfile makes the action for records of a log; a log without a format gets
// the default body. Passwords are read once. Errors name the part of the profile.
func NewProfile(h *policy.HTTPServer, log string) (*Profile, error) {
	p := &Profile{headers: map[string]*respond.Template{}, params: map[string]*respond.Template{}, content: "application/json"}
	f := h.Formats[log]
	var errs []error
	// A variable's value must not leave its place: in a header or a parameter it
	// stays on its line, in the path it is escaped as a query's are.
	template := func(where, text, content string) *respond.Template {
		t, err := respond.ParseTemplate(text, content)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", where, err))
		}
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(f.Headers)) {
		if strings.EqualFold(name, "Content-Type") {
			p.content = f.Headers[name]
			continue
		}
		p.headers[name] = template("header "+name, f.Headers[name], "text/plain")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Params)) {
		p.params[name] = template("parameter "+name, f.Params[name], "text/plain")
	}
	p.path = template("url", f.URL, "application/x-www-form-urlencoded")
	if f.Payload == "" {
		f.Payload = defaultBody
	}
	p.body = template("payload", f.Payload, p.content)
	for i := range h.Servers {
		t, err := newTarget(&h.Servers[i])
		if err != nil {
			errs = append(errs, fmt.Errorf("server %s: %w", h.Servers[i].Name, err))
		}
		p.servers = append(p.servers, t)
	}
	if len(p.servers) == 0 {
		errs = append(errs, errors.New("it has no server"))
	}
	var err error
	if p.client, err = client(Config{}); err != nil {
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

func newTarget(s *policy.HTTPTarget) (t target, err error) {
	scheme, port := strings.ToLower(s.Protocol), s.Port
	switch {
	case scheme == "" || scheme == "https":
		if scheme = "https"; port == 0 {
			port = 443
		}
	case scheme == "http":
		if port == 0 {
			port = 80
		}
	default:
		return t, fmt.Errorf("protocol: want HTTP or HTTPS, got %q", s.Protocol)
	}
	t = target{base: scheme + "://" + net.JoinHostPort(s.Address, strconv.Itoa(port)), method: strings.ToUpper(s.Method), user: s.Username}
	if t.method == "" {
		t.method = http.MethodPost
	}
	if u, err := url.Parse(t.base); err != nil || u.Host == "" || u.Path != "" {
		return t, errors.New("address: want a name or an address")
	}
	if !slices.Contains([]string{"POST", "PUT", "GET", "DELETE"}, t.method) {
		return t, fmt.Errorf("method: want POST, PUT, GET or DELETE, got %q", s.Method)
	}
	switch {
	case s.PasswordFile != "":
		b, err := os.ReadFile(s.PasswordFile)
		if err != nil {
			return t, err
		}
		t.password = strings.TrimSpace(string(b))
	case s.PasswordEnv != "":
		if t.password = os.Getenv(s.PasswordEnv); t.password == "" {
			return t, fmt.Errorf("%s is not set", s.PasswordEnv)
		}
	}
	return t, nil
}

// Deliver implements respond.Action.
func (p *Profile) Deliver(ctx context.Context, d *respond.Delivery) error {
	var errs []error
	for i := range p.servers {
		err := p.send(ctx, &p.servers[i], d)
		if err == nil || ctx.Err() != nil {
			return err
		}
		errs = append(errs, err)
	}
	// The last word counts: whether another attempt makes sense.
	return errs[len(errs)-1]
}

func (p *Profile) send(ctx context.Context, t *target, d *respond.Delivery) error {
	req, err := http.NewRequestWithContext(ctx, t.method, t.base, bytes.NewReader(p.body.Append(nil, d.Entry)))
	if err != nil {
		return respond.Permanent(withoutURL(err))
	}
	if err := p.address(req, d.Entry); err != nil {
		return respond.Permanent(err)
	}
	for name, h := range p.headers {
		req.Header.Set(name, string(h.Append(nil, d.Entry)))
	}
	req.Header.Set("Content-Type", p.content)
	req.Header.Set("User-Agent", "mirrorwall")
	req.Header.Set(standardwebhooks.HeaderWebhookID, d.ID)
	if t.user != "" {
		req.SetBasicAuth(t.user, t.password)
	}
	return do(p.client, req)
}

// address puts the rendered path and query into a request.
func (p *Profile) address(req *http.Request, e *record.Entry) error {
	text := string(p.path.Append(nil, e))
	if text != "" && text[0] != '/' {
		text = "/" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host != "" {
		return errors.New("the profile's url is no path and query")
	}
	q := u.Query()
	for name, v := range p.params {
		q.Set(name, string(v.Append(nil, e)))
	}
	req.URL.Path, req.URL.RawPath, req.URL.RawQuery = u.Path, u.RawPath, q.Encode()
	return nil
}
