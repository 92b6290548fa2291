package console

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/console/session"
	"github.com/mirrorwall/mirrorwall/internal/record/filter"
	"github.com/mirrorwall/mirrorwall/internal/store"
)

// signedIn needs no more than an identity: it concerns only the caller.
const signedIn access.Permission = ""

// permissions says what each operation needs.
func permissions() map[string]access.Permission {
	return map[string]access.Permission{
		"logs-query": access.LogsRead, "logs-histogram": access.LogsRead, "logs-top": access.LogsRead,
		"logs-follow": access.LogsRead, "logs-export": access.LogsRead, "logs-fields": access.LogsRead, "logs-check": access.LogsRead,
		"evidence-hits": access.EvidenceRead, "evidence-pcap": access.EvidenceRead, "evidence-export": access.EvidenceRead,
		"users-list": access.UsersRead, "users-create": access.UsersAdmin, "users-delete": access.UsersAdmin,
		"users-disable": access.UsersAdmin, "users-role": access.UsersAdmin, "users-password": access.UsersAdmin,
		"totp-begin": signedIn, "totp-confirm": signedIn, "totp-remove": signedIn, "roles-list": signedIn, "password-change": signedIn, "sessions-list": signedIn, "sessions-revoke": signedIn,
		"tokens-list": access.TokensOwn, "tokens-create": access.TokensOwn, "tokens-revoke": access.TokensOwn,
		"config-status": access.ConfigRead, "config-candidate": access.ConfigRead, "config-validate": access.ConfigRead, "config-diff": access.ConfigRead,
		"config-versions": access.ConfigRead, "config-version": access.ConfigRead, "config-jobs": access.ConfigRead, "config-job": access.ConfigRead, "config-saved": access.ConfigRead,
		"config-edit": access.ConfigEdit, "config-revert": access.ConfigEdit, "config-restore": access.ConfigEdit, "config-save": access.ConfigEdit, "config-load": access.ConfigEdit,
		"config-lock": access.ConfigEdit, "config-unlock": access.ConfigEdit,
		"config-commit": access.ConfigCommit, "config-confirm": access.ConfigCommit, "config-cancel": access.ConfigCommit,
		"audit-list": access.AuditRead, "audit-verify": access.AuditRead,
		"system-info": access.SystemRead, "system-usage": access.SystemRead,
	}
}

// Out is an answer with a JSON body.
type Out[T any] struct{ Body T }

// Problem is an error as RFC 9457 writes it.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
	Hint     string `json:"hint,omitempty"`
	Position *int   `json:"position,omitempty" doc:"byte of the filter that is wrong, from 0"`
	// Complaints are what is wrong with a configuration, each at its place.
	Complaints []config.Complaint `json:"complaints,omitempty"`
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType gives the media type of problems.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// problem makes of an error what the caller may see of it; nil of nil.
func (s *Server) problem(id string, err error) error {
	if err == nil {
		return nil
	}
	p := &Problem{Type: "about:blank", Title: "internal error", Status: http.StatusInternalServerError, Detail: "the console's log says more"}
	var (
		ready   *Problem
		refused *access.Error
		bad     *store.QueryError
		wrong   *filter.Error
		config  config.Errors
		state   *lifecycle.Error
	)
	switch {
	case errors.As(err, &ready):
		return ready
	case errors.As(err, &refused):
		p.Title, p.Status, p.Detail, p.Hint = string(refused.Kind), session.Status(refused.Kind), refused.Msg, refused.Hint
	case errors.As(err, &wrong):
		p.Title, p.Status, p.Detail, p.Hint, p.Position = "invalid", http.StatusUnprocessableEntity, wrong.Error(), wrong.Hint, &wrong.Offset
	case errors.As(err, &bad):
		p.Title, p.Status, p.Detail, p.Hint = "invalid", http.StatusUnprocessableEntity, bad.Msg, bad.Hint
	case errors.As(err, &config):
		p.Title, p.Status, p.Detail, p.Hint, p.Complaints = "invalid", http.StatusUnprocessableEntity, config.Error(), config.Hint(), config.Complaints("error")
	case errors.As(err, &state):
		kind := map[lifecycle.Kind]access.Kind{lifecycle.Conflict: access.Conflict, lifecycle.Invalid: access.Invalid, lifecycle.Missing: access.NotFound}[state.Kind]
		p.Title, p.Status, p.Detail, p.Hint = string(kind), session.Status(kind), state.Msg, state.Fix
	case errors.Is(err, fs.ErrNotExist):
		p.Title, p.Status, p.Detail = "not found", http.StatusNotFound, "there is no such capture: it has expired, or never was"
	default:
		s.d.Log.Error("console", "operation", id, "error", err)
	}
	return p
}

// add registers an operation; with changes what is common to all.
func add[I, O any](s *Server, call [2]string, id, summary string, h func(context.Context, *I) (*O, error), with ...func(*huma.Operation)) {
	op := huma.Operation{OperationID: id, Method: call[0], Path: call[1], Summary: summary}
	if call[0] != http.MethodGet {
		op.Parameters = append(op.Parameters, idempotencyParameter())
	}
	for _, f := range with {
		f(&op)
	}
	huma.Register(s.api, op,
		func(ctx context.Context, in *I) (*O, error) {
			out, err := h(ctx, in)
			return out, s.problem(id, err)
		})
}

// register adds all operations, each behind its permission.
func (s *Server) register() error {
	c := huma.DefaultConfig("Mirrorwall console", s.d.Version)
	c.OpenAPIPath, c.DocsPath, c.SchemasPath, c.CreateHooks = "/api/openapi", "", "", nil
	c.RejectUnknownQueryParameters = true
	c.Info.Description = "Records, users, tokens and the audit log of a Mirrorwall console. Errors are application/problem+json (RFC 9457) with a hint."
	s.api = humago.New(s.mux, c)
	need := permissions()
	s.api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		p, ok := need[ctx.Operation().OperationID]
		if id := session.Identity(r.Context()); !ok || id.Name == "" || p != signedIn && !id.Allows(p) {
			s.guard.Fail(w, r, &access.Error{Kind: access.Forbidden, Msg: "the permission " + string(p) + " is missing",
				Hint: "ask a superuser for a role that has it"})
			return
		}
		for name, values := range r.URL.Query() {
			if len(values) > 1 { // one of them would count, and nobody say which
				refuseCall(w, http.StatusUnprocessableEntity, "the parameter "+name+" comes "+strconv.Itoa(len(values))+" times", "several values stand in one, with commas between")
				return
			}
		}
		next(ctx)
	})
	s.registerLogs()
	s.registerStreams()
	s.registerUsers()
	s.registerConfig()
	s.registerSystem()
	for path, item := range s.api.OpenAPI().Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if op == nil {
				continue
			}
			if _, ok := need[op.OperationID]; !ok {
				return fmt.Errorf("the operation %s of %s declares no permission", op.OperationID, path)
			}
		}
	}
	return nil
}

func me(ctx context.Context) access.Identity { return session.Identity(ctx) }
