package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Params are the cost of an argon2id hash.
type Params struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// DefaultParams are OWASP's minimum for argon2id: 19 MiB, two passes, one thread.
func DefaultParams() Params { return Params{Memory: 19456, Time: 2, Threads: 1} }

const (
	minPassword = 12  // characters
	maxPassword = 256 // bytes: nobody types more, and the hash must end
)

// CheckPassword tells why a password is not good enough for the user name, as
// an Error of kind Invalid; nil when it is.
func CheckPassword(name, password string) error {
	const hint = "use a sentence, or a password manager's proposal"
	switch {
	case !utf8.ValidString(password):
		return refuse(Invalid, hint, "the password is not valid UTF-8")
	case utf8.RuneCountInString(password) < minPassword:
		return refuse(Invalid, hint, "the password has fewer than %d characters", minPassword)
	case len(password) > maxPassword:
		return refuse(Invalid, hint, "the password has more than %d bytes", maxPassword)
	case name != "" && strings.Contains(strings.ToLower(password), strings.ToLower(name)):
		return refuse(Invalid, hint, "the password contains the user name")
	case commonPassword(password):
		return refuse(Invalid, hint, "the password is one of the commonest, or made of them")
	}
	return nil
}

// hashPassword gives the PHC string of a new hash with a random salt.
func hashPassword(password string, p Params) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	sum := argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, 32)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.Memory, p.Time, p.Threads,
		b.EncodeToString(salt), b.EncodeToString(sum))
}

// parseHash reads a PHC string. Its costs are bounded: the string comes from a
// file, and checking it must not take the machine down.
func parseHash(phc string) (p Params, salt, sum []byte, err error) {
	f := strings.Split(phc, "$")
	bad := func(what string) error { return fmt.Errorf("access: a stored password hash is not valid: %s", what) }
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" || f[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, bad("not argon2id of version 19")
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &p.Memory, &p.Time, &p.Threads); err != nil {
		return p, nil, nil, bad("costs")
	}
	if f[3] != fmt.Sprintf("m=%d,t=%d,p=%d", p.Memory, p.Time, p.Threads) ||
		p.Memory < 8 || p.Memory > 1<<20 || p.Time < 1 || p.Time > 16 || p.Threads < 1 || p.Threads > 16 {
		return p, nil, nil, bad("costs out of bounds")
	}
	if salt, err = base64.RawStdEncoding.Strict().DecodeString(f[4]); err != nil || len(salt) < 8 || len(salt) > 64 {
		return p, nil, nil, bad("salt")
	}
	if sum, err = base64.RawStdEncoding.Strict().DecodeString(f[5]); err != nil || len(sum) < 16 || len(sum) > 64 {
		return p, nil, nil, bad("sum")
	}
	return p, salt, sum, nil
}

// slot takes one of the places in which a password may be hashed; done gives
// it back.
func (s *Store) slot(ctx context.Context) (done func(), err error) {
	defer s.waiting.Add(-1)
	if s.waiting.Add(1) > int64(s.opt.Waiting) {
		return nil, &Error{Kind: Busy, Msg: "too many sign-ins at once", Hint: "try again", RetryAfter: time.Second}
	}
	select {
	case s.checks <- struct{}{}:
		return func() { <-s.checks }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) hash(ctx context.Context, password string) (string, error) {
	done, err := s.slot(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return hashPassword(password, s.opt.Hash), nil
}

// verify checks a password. With no hash it works as long, and says no. fresh
// is a new hash to store where the old one's costs are not today's.
func (s *Store) verify(ctx context.Context, phc, password string) (ok bool, fresh string, err error) {
	exists := phc != ""
	if !exists {
		phc = s.dummy
	}
	p, salt, want, err := parseHash(phc)
	if err != nil {
		return false, "", err
	}
	done, err := s.slot(ctx)
	if err != nil {
		return false, "", err
	}
	defer done()
	if len(password) > maxPassword {
		password, exists = password[:maxPassword], false
	}
	got := argon2.IDKey([]byte(password), salt, p.Time, p.Memory, p.Threads, uint32(len(want)))
	if subtle.ConstantTimeCompare(got, want) != 1 || !exists {
		return false, "", nil
	}
	if p != s.opt.Hash {
		fresh = hashPassword(password, s.opt.Hash)
	}
	return true, fresh, nil
}
