package access

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

const goodPassword = "plum Tractor vivid 49"

type fixture struct {
	*Store
	t    *testing.T
	ctx  context.Context
	time time.Time
	home netip.Addr
}

// newFixture is an empty store with a clock that stands still and cheap hashes.
func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, ctx: t.Context(), time: time.Unix(1_790_000_010, 0), home: netip.MustParseAddr("192.0.2.7")}
	s, err := Open(f.ctx, filepath.Join(t.TempDir(), "a b#.db"), Options{
		Key: make([]byte, 32), Now: func() time.Time { return f.time }, Hash: Params{8, 1, 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f.Store = s
	return f
}

func (f *fixture) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) want(err error, k Kind) {
	f.t.Helper()
	if !errors.Is(err, k) {
		f.t.Fatalf("error %v, want kind %q", err, k)
	}
}

// ready is a store with the superuser alice, and her session.
func ready(t *testing.T) (f *fixture, alice Identity) {
	f = newFixture(t)
	tok, err := f.BeginSetup(f.ctx, false)
	f.must(err)
	f.must(f.CompleteSetup(f.ctx, tok, "alice", goodPassword, f.home))
	return f, f.login("alice", "")
}

func (f *fixture) try(name, password, code string) (string, error) {
	cookie, _, err := f.Login(f.ctx, LoginRequest{Name: name, Password: password, Code: code, Address: f.home})
	return cookie, err
}

func (f *fixture) login(name, code string) Identity {
	f.t.Helper()
	cookie, err := f.try(name, goodPassword, code)
	f.must(err)
	id, err := f.Authenticate(f.ctx, cookie, f.home)
	f.must(err)
	return id
}

func TestSetup(t *testing.T) {
	f := newFixture(t)
	_, err := f.try("alice", goodPassword, "")
	f.want(err, SetupNeeded)
	old, err := f.BeginSetup(f.ctx, false)
	f.must(err)
	tok, err := f.BeginSetup(f.ctx, false)
	f.must(err)
	f.want(f.CompleteSetup(f.ctx, old, "alice", goodPassword, f.home), Unauthenticated)
	f.want(f.CompleteSetup(f.ctx, "", "alice", goodPassword, f.home), Unauthenticated)
	f.want(f.CompleteSetup(f.ctx, tok, "alice", "short", f.home), Invalid)
	f.time = f.time.Add(setupLife)
	f.want(f.CompleteSetup(f.ctx, tok, "alice", goodPassword, f.home), Unauthenticated)
	f.time = f.time.Add(-time.Second)
	f.must(f.CompleteSetup(f.ctx, tok, "alice", goodPassword, f.home))
	f.want(f.CompleteSetup(f.ctx, tok, "bob", goodPassword, f.home), Unauthenticated)
	_, err = f.BeginSetup(f.ctx, false)
	f.want(err, Conflict)
	f.login("alice", "")
}

func TestPasswordRules(t *testing.T) {
	for _, c := range []struct {
		password string
		ok       bool
	}{
		{goodPassword, true}, {"elfchars11!", false}, {"kumquat-river-9", true}, {"my Alice kumquat", false},
		{"password1234", false}, {"P@ssw0rd!2024", false}, {"qwertyuiop123", false}, {"administrator", false},
		{"Summer2024!!!", false}, {"letmein-letmein", false}, {"aaaaaaaaaaaaaa", false}, {"abcxyzabcxyz", false},
		{"1q2w3e4r5t6y", false}, {"changeme12345", false}, {"iloveyoumonkey", false}, {"zq8#Lw0vTb3x", true},
		{strings.Repeat("kumquat river ", 20), false}, {"\xff kumquat river", false}, {"größe Kumquat Fluß", true},
	} {
		if err := CheckPassword("alice", c.password); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.password, err)
		}
	}
}

func TestRehash(t *testing.T) {
	f, _ := ready(t)
	f.opt.Hash.Time = 2
	f.login("alice", "")
	u, err := userByID(f.ctx, f.db, 1)
	f.must(err)
	if p, _, _, err := parseHash(u.password); err != nil || p.Time != 2 {
		t.Errorf("costs %+v after a sign-in, %v", p, err)
	}
	f.login("alice", "")
}

func TestThrottle(t *testing.T) {
	f, _ := ready(t)
	home := f.home
	f.home = netip.MustParseAddr("2001:db8:1:2::1")
	for range freeAccount {
		_, err := f.try("alice", "wrong", "")
		f.want(err, Unauthenticated)
	}
	_, err := f.try("alice", goodPassword, "")
	f.want(err, Throttled)
	var e *Error
	if errors.As(err, &e); e.RetryAfter <= 0 || e.RetryAfter > 3*time.Second {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	// Where alice has been before, strangers do not keep her out.
	away := f.home
	f.home = home
	f.login("alice", "")
	f.home = away
	f.time = f.time.Add(2 * time.Second)
	_, err = f.try("alice", "wrong", "")
	f.want(err, Unauthenticated)
	f.time = f.time.Add(time.Second)
	_, err = f.try("alice", goodPassword, "")
	f.want(err, Throttled) // twice as long now
	f.time = f.time.Add(time.Second)
	f.login("alice", "")
	// One /64, many addresses, many names.
	for i := range freeAddress - 6 { // six failed above
		a := f.home.As16()
		a[15] = byte(i)
		f.home = netip.AddrFrom16(a)
		_, err = f.try("nobody"+string(rune('a'+i)), "wrong", "")
		f.want(err, Unauthenticated)
	}
	_, err = f.try("someone", "wrong", "")
	f.want(err, Throttled)
	if delay(1000, 5) != maxDelay {
		t.Error("the delay has no end")
	}
}

func TestSessions(t *testing.T) {
	f, alice := ready(t)
	cookie, err := f.try("alice", goodPassword, "")
	f.must(err)
	for range 3 {
		f.time = f.time.Add(29 * time.Minute)
		_, err = f.Authenticate(f.ctx, cookie, f.home)
		f.must(err)
	}
	f.want(f.RevokeSession(f.ctx, Identity{}, alice.Session), NotFound)
	f.time = f.time.Add(30 * time.Minute)
	_, err = f.Authenticate(f.ctx, cookie, f.home)
	f.want(err, Unauthenticated) // idle
	cookie, err = f.try("alice", goodPassword, "")
	f.must(err)
	for range 28 {
		f.time = f.time.Add(25 * time.Minute)
		_, err = f.Authenticate(f.ctx, cookie, f.home)
		f.must(err)
	}
	f.time = f.time.Add(20 * time.Minute)
	_, err = f.Authenticate(f.ctx, cookie, f.home)
	f.want(err, Unauthenticated) // twelve hours
	// Fixation: what a browser sent before is ended by the sign-in, never taken over.
	old, err := f.try("alice", goodPassword, "")
	f.must(err)
	cookie, _, err = f.Login(f.ctx, LoginRequest{Name: "alice", Password: goodPassword, Address: f.home, Old: old})
	f.must(err)
	if cookie == old {
		t.Error("the sign-in kept the cookie")
	}
	_, err = f.Authenticate(f.ctx, old, f.home)
	f.want(err, Unauthenticated)
	id, err := f.Authenticate(f.ctx, cookie, f.home)
	f.must(err)
	fresh, err := f.ChangePassword(f.ctx, id, goodPassword, "quince Lantern 88 moss")
	f.must(err)
	_, err = f.Authenticate(f.ctx, cookie, f.home)
	f.want(err, Unauthenticated)
	id, err = f.Authenticate(f.ctx, fresh, f.home)
	f.must(err)
	f.must(f.RevokeSessions(f.ctx, id, id.UserID))
	_, err = f.Authenticate(f.ctx, fresh, f.home)
	f.want(err, Unauthenticated)
}

func TestUsers(t *testing.T) {
	f, alice := ready(t)
	f.want(f.DeleteUser(f.ctx, alice, alice.UserID), Conflict)
	f.want(f.SetRole(f.ctx, alice, alice.UserID, Analyst), Conflict)
	f.want(f.SetDisabled(f.ctx, alice, alice.UserID, true), Conflict)
	_, err := f.CreateUser(f.ctx, alice, "ALICE", Analyst, "quince Lantern 88 moss")
	f.want(err, Conflict)
	_, err = f.CreateUser(f.ctx, alice, "x y", Analyst, goodPassword)
	f.want(err, Invalid)
	bob, err := f.CreateUser(f.ctx, alice, "bob", Analyst, goodPassword)
	f.must(err)
	b := f.login("bob", "")
	_, err = f.CreateUser(f.ctx, b, "eve", Superuser, goodPassword)
	f.want(err, Forbidden)
	_, err = f.Users(f.ctx, b)
	f.want(err, Forbidden)
	_, err = f.Users(f.ctx, Identity{})
	f.want(err, Unauthenticated)
	f.want(f.RevokeSession(f.ctx, b, alice.Session), NotFound)
	// A scope is no way to more than one has.
	limited := alice
	limited.Permissions = []Permission{UsersAdmin}
	_, err = f.CreateUser(f.ctx, limited, "eve", Superuser, goodPassword)
	f.want(err, Forbidden)
	f.want(f.ResetPassword(f.ctx, limited, alice.UserID, "quince Lantern 88 moss", true), Forbidden)
	f.must(f.SetRole(f.ctx, alice, bob.ID, Superuser))
	if s, err := f.Sessions(f.ctx, alice, bob.ID); err != nil || len(s) != 0 {
		t.Errorf("%d sessions outlive a change of role, %v", len(s), err)
	}
	f.must(f.DeleteUser(f.ctx, f.login("bob", ""), alice.UserID))
}

func TestTokens(t *testing.T) {
	f, alice := ready(t)
	ask := NewToken{Name: "ci", Scopes: []Permission{LogsRead, UsersAdmin}, Expires: f.time.Add(time.Hour),
		Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	text, tok, err := f.CreateToken(f.ctx, alice, ask)
	f.must(err)
	id, err := f.AuthenticateToken(f.ctx, text, f.home)
	f.must(err)
	if !id.Allows(LogsRead) || id.Allows(ConfigRead) || id.Name != "alice" {
		t.Errorf("%+v", id)
	}
	f.want(errOf(f.BeginTOTP(f.ctx, id, goodPassword)), Forbidden)
	_, _, err = f.CreateToken(f.ctx, id, ask)
	f.want(err, Forbidden)
	_, err = f.AuthenticateToken(f.ctx, text, netip.MustParseAddr("198.51.100.1"))
	f.want(err, Unauthenticated)
	_, err = f.AuthenticateToken(f.ctx, text[:len(text)-4]+"aaaa", f.home)
	f.want(err, Unauthenticated)
	if l, err := f.Tokens(f.ctx, alice, alice.UserID); err != nil || len(l) != 1 || l[0].LastUsed.IsZero() || len(l[0].Networks) != 1 {
		t.Errorf("%+v %v", l, err)
	}
	f.time = f.time.Add(time.Hour)
	_, err = f.AuthenticateToken(f.ctx, text, f.home)
	f.want(err, Unauthenticated) // expired
	f.time = f.time.Add(-time.Minute)
	f.must(f.RevokeToken(f.ctx, alice, tok.ID))
	_, err = f.AuthenticateToken(f.ctx, text, f.home)
	f.want(err, Unauthenticated)
}

func errOf(_, _ string, err error) error { return err }

func TestTOTP(t *testing.T) {
	f, alice := ready(t)
	f.want(errOf(f.BeginTOTP(f.ctx, alice, "wrong")), Unauthenticated)
	secret, _, err := f.BeginTOTP(f.ctx, alice, goodPassword)
	f.must(err)
	code := func() string {
		c, err := totp.GenerateCode(secret, f.time)
		f.must(err)
		return c
	}
	recovery, _, err := f.ConfirmTOTP(f.ctx, alice, code())
	f.must(err)
	_, err = f.try("alice", goodPassword, "")
	f.want(err, CodeNeeded)
	_, err = f.try("alice", goodPassword, code())
	f.want(err, Unauthenticated) // used to confirm
	f.time = f.time.Add(time.Minute)
	f.login("alice", code())
	_, err = f.try("alice", goodPassword, code())
	f.want(err, Unauthenticated) // replayed
	f.login("alice", recovery[0])
	_, err = f.try("alice", goodPassword, recovery[0])
	f.want(err, Unauthenticated)
	var sealed []byte
	f.must(f.db.QueryRowContext(f.ctx, "SELECT totp FROM users").Scan(&sealed))
	if strings.Contains(string(sealed), secret) {
		t.Error("the secret is stored in the clear")
	}
}

func TestAudit(t *testing.T) {
	for name, c := range map[string]struct{ sql, want string }{
		"changed":   {"UPDATE audit SET actor = 'eve' WHERE seq = 3", "entry 3 does not fit"},
		"removed":   {"DELETE FROM audit WHERE seq = 3", "entry 4 follows entry 2"},
		"cut":       {"DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", "its end was removed"},
		"reordered": {"UPDATE audit SET seq = 99 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 99", "entry 2 does not fit"},
		"all cut": {"DELETE FROM audit WHERE seq > 3; UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)",
			"its end was removed"},
	} {
		t.Run(name, func(t *testing.T) {
			f, alice := ready(t)
			_, err := f.CreateUser(f.ctx, alice, "bob", Analyst, goodPassword)
			f.must(err)
			head, err := f.VerifyAudit(f.ctx, alice)
			f.must(err)
			if _, err := f.db.ExecContext(f.ctx, c.sql); err == nil {
				t.Error("the log is not append-only")
			}
			_, err = f.db.ExecContext(f.ctx, "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; "+c.sql)
			f.must(err)
			if _, err = f.VerifyAudit(f.ctx, alice, head); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAuditHoldsNoSecret(t *testing.T) {
	f, alice := ready(t)
	_, err := f.try(goodPassword, goodPassword, "")
	f.want(err, Unauthenticated)
	_, err = f.try("Hunter-kumquat.9", "x", "") // a password typed as the name
	f.want(err, Unauthenticated)
	list, err := f.Audit(f.ctx, alice, 0, 100)
	f.must(err)
	for _, e := range list {
		if s := e.Actor + e.Object + e.Detail; strings.Contains(s, "kumquat") || strings.Contains(s, "Tractor") {
			t.Errorf("%+v", e)
		}
	}
	if len(list) < 5 {
		t.Errorf("only %d entries", len(list))
	}
}

func TestMigrate(t *testing.T) {
	f := newFixture(t)
	steps := migrations()
	f.must(migrate(f.ctx, f.db, steps)) // nothing left to do
	f.must(migrate(f.ctx, f.db, append(steps, "CREATE TABLE extra (x)")))
	if err := migrate(f.ctx, f.db, steps); err == nil || !strings.Contains(err.Error(), "later version") {
		t.Errorf("a later version's file: %v", err)
	}
	steps = append(steps, "CREATE TABLE extra (x)")
	if err := migrate(f.ctx, f.db, append(steps, "CREATE TABLE half (x); NONSENSE")); err == nil {
		t.Error("a step that fails was taken")
	}
	if _, err := f.db.ExecContext(f.ctx, "SELECT * FROM half"); err == nil {
		t.Error("half a step was kept")
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add("mw_" + strings.Repeat("a", tokenID) + "_" + strings.Repeat("a", tokenSecret))
	f.Add("mw__")
	f.Fuzz(func(t *testing.T, text string) {
		id, secret, err := ParseToken(text)
		if err == nil && "mw_"+id+"_"+secret != text {
			t.Errorf("%q has a second spelling", text)
		}
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add(hashPassword("x", Params{8, 1, 1}))
	f.Fuzz(func(t *testing.T, phc string) {
		if p, salt, sum, err := parseHash(phc); err == nil && (p.Memory > 1<<20 || len(salt) > 64 || len(sum) > 64) {
			t.Errorf("%q is not bounded", phc)
		}
	})
}
