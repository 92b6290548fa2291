package access

import (
	"net/netip"
	"slices"
	"strings"
)

// Permission is one fine right, such as "logs.read".
type Permission string

// The permissions. Permissions gives them with what they allow.
const (
	LogsRead     Permission = "logs.read"
	EvidenceRead Permission = "evidence.read"
	AlertsEdit   Permission = "alerts.edit"
	ConfigRead   Permission = "config.read"
	ConfigEdit   Permission = "config.edit"
	ConfigCommit Permission = "config.commit"
	RespondRead  Permission = "respond.read"
	RespondAct   Permission = "respond.act"
	UsersRead    Permission = "users.read"
	UsersAdmin   Permission = "users.admin"
	TokensOwn    Permission = "tokens.own"
	AuditRead    Permission = "audit.read"
	SystemRead   Permission = "system.read"
	SystemAdmin  Permission = "system.admin"
)

// PermissionDoc is a permission and what it allows.
type PermissionDoc struct {
	Permission Permission
	Allows     string
}

// Permissions lists every permission in a fixed order.
func Permissions() []PermissionDoc {
	return []PermissionDoc{
		{LogsRead, "query logs, alerts and reports"},
		{EvidenceRead, "download packets and payloads; each download is audited"},
		{AlertsEdit, "acknowledge, comment and close alerts"},
		{ConfigRead, "read the candidate, running and earlier configurations"},
		{ConfigEdit, "change the candidate configuration"},
		{ConfigCommit, "make the candidate the running configuration"},
		{RespondRead, "see responses: what was done, when and to whom"},
		{RespondAct, "start, approve and undo responses such as isolation"},
		{UsersRead, "list users, their sessions and their tokens"},
		{UsersAdmin, "create, change and remove users; revoke sessions and tokens"},
		{TokensOwn, "make and revoke one's own API tokens"},
		{AuditRead, "read and verify the audit log"},
		{SystemRead, "see health, licences and metrics"},
		{SystemAdmin, "restart parts, import and export, manage certificates"},
	}
}

// Role is a named set of permissions.
type Role string

// The roles. Roles gives them with their permissions.
const (
	Superuser   Role = "superuser"
	Superreader Role = "superreader"
	DeviceAdmin Role = "deviceadmin"
	Analyst     Role = "analyst"
	Responder   Role = "responder"
	Auditor     Role = "auditor"
)

// RoleDoc is a role, whom it is for, and its permissions.
type RoleDoc struct {
	Role        Role
	For         string
	Permissions []Permission
}

// Roles lists every role, widest first.
func Roles() []RoleDoc {
	var all, read []Permission
	for _, p := range Permissions() {
		all = append(all, p.Permission)
		if strings.HasSuffix(string(p.Permission), ".read") {
			read = append(read, p.Permission)
		}
	}
	analyst := []Permission{LogsRead, EvidenceRead, AlertsEdit, ConfigRead, RespondRead, TokensOwn, SystemRead}
	return []RoleDoc{
		{Superuser, "everything", all},
		{Superreader, "sees everything, changes nothing", append(read, TokensOwn)},
		{DeviceAdmin, "runs the sensors and their configuration",
			[]Permission{LogsRead, ConfigRead, ConfigEdit, ConfigCommit, TokensOwn, SystemRead, SystemAdmin}},
		{Responder, "an analyst who may also act", append(slices.Clone(analyst), RespondAct)},
		{Analyst, "triages alerts", analyst},
		{Auditor, "reviews who did what", []Permission{ConfigRead, RespondRead, UsersRead, TokensOwn, AuditRead, SystemRead}},
	}
}

// Valid reports whether the role exists.
func (r Role) Valid() bool {
	return slices.ContainsFunc(Roles(), func(d RoleDoc) bool { return d.Role == r })
}

// Permissions gives the role's permissions, none for an unknown role. The
// caller owns the slice.
func (r Role) Permissions() []Permission {
	for _, d := range Roles() {
		if d.Role == r {
			return d.Permissions
		}
	}
	return nil
}

// Identity is who makes a call, as Authenticate and AuthenticateToken found.
// The zero Identity may do nothing.
type Identity struct {
	UserID      int64        `json:"user_id"`
	Name        string       `json:"name"`
	Role        Role         `json:"role"`
	Permissions []Permission `json:"permissions"`       // of the role, and with a token of its scopes too
	Address     netip.Addr   `json:"address"`           // where the call came from
	Session     string       `json:"session,omitempty"` // the session's public id
	Token       string       `json:"token,omitempty"`   // the API token's id
}

// Allows reports whether the caller has the permission.
func (i Identity) Allows(p Permission) bool { return slices.Contains(i.Permissions, p) }

// System is the identity of the program itself, for calls made by someone with
// a shell on the machine. It has every permission; no request can carry it.
func System() Identity {
	return Identity{Name: "system", Role: Superuser, Permissions: Superuser.Permissions()}
}

func (i Identity) need(p Permission) error {
	if i.Name == "" {
		return refuse(Unauthenticated, "sign in, or send an API token", "the call carries no valid credential")
	}
	if !i.Allows(p) {
		return refuse(Forbidden, "ask a superuser for a role that has it", "the permission %s is missing", p)
	}
	return nil
}

// covers refuses what would hand out, or act upon, more rights than the caller has.
func (i Identity) covers(ps []Permission) error {
	for _, p := range ps {
		if !i.Allows(p) {
			return refuse(Forbidden, "only rights that one has can be handed out", "the permission %s is missing", p)
		}
	}
	return nil
}

// person refuses tokens: what changes a person's own credentials needs their session.
func (i Identity) person() error {
	if i.Session == "" {
		return refuse(Forbidden, "sign in with the password", "an API token cannot change its owner's credentials")
	}
	return nil
}
