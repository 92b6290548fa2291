// Package access keeps who may do what in the console: users, roles, sessions,
// API tokens, second factors, sign-in through an OpenID provider, and the audit
// log. Its state is one SQLite file.
//
// There is no default credential. A store without a superuser that has a
// password refuses every sign-in; BeginSetup makes a token, good once and for
// thirty minutes, with which CompleteSetup sets the first superuser's password.
//
// What is secret is stored hashed: passwords with argon2id, tokens, session
// cookies and recovery codes (all of them random and long) with SHA-256. The
// secrets of TOTP must be read back; they are sealed with AES-256-GCM under
// the key of Options.Key. Nothing secret reaches the audit log.
//
// Each method that changes something writes the change and its audit entry in
// one transaction, and checks the caller's permission itself: the HTTP layer's
// check is the second one, not the only one. Nobody can hand out a right that
// they don't hold.
//
// A Store is safe for concurrent use.
package access
