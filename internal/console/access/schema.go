package access

import (
	"context"
	"database/sql"
	"fmt"
)

// migrations are the steps from an empty file to this version; a file's
// user_version is how many it has had. A step that was released never changes.
func migrations() []string {
	return []string{schema1, schema2}
}

const schema1 = `
CREATE TABLE users (
 id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, role TEXT NOT NULL,
 password TEXT NOT NULL DEFAULT '', issuer TEXT NOT NULL DEFAULT '', subject TEXT NOT NULL DEFAULT '',
 disabled INTEGER NOT NULL DEFAULT 0, created INTEGER NOT NULL, last_login INTEGER NOT NULL DEFAULT 0,
 totp BLOB, totp_pending BLOB, totp_used INTEGER NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX users_subject ON users(issuer, subject) WHERE issuer <> '';
CREATE TABLE recovery (user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE, hash BLOB NOT NULL,
 PRIMARY KEY (user_id, hash));
CREATE TABLE sessions (hash BLOB PRIMARY KEY, id TEXT NOT NULL UNIQUE,
 user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE,
 created INTEGER NOT NULL, seen INTEGER NOT NULL, address TEXT NOT NULL, agent TEXT NOT NULL);
CREATE INDEX sessions_user ON sessions(user_id);
CREATE TABLE tokens (id TEXT PRIMARY KEY, hash BLOB NOT NULL,
 user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE, name TEXT NOT NULL,
 scopes TEXT NOT NULL, networks TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
 last_used INTEGER NOT NULL DEFAULT 0);
CREATE INDEX tokens_user ON tokens(user_id);
CREATE TABLE setup (one INTEGER PRIMARY KEY CHECK (one = 1), hash BLOB NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE throttle (key TEXT PRIMARY KEY, failures INTEGER NOT NULL, last INTEGER NOT NULL);
CREATE INDEX throttle_last ON throttle(last);
CREATE TABLE known (user_id INTEGER NOT NULL REFERENCES users(id) ON DELETE CASCADE, network TEXT NOT NULL,
 last INTEGER NOT NULL, PRIMARY KEY (user_id, network));
CREATE TABLE oidc (state BLOB PRIMARY KEY, browser BLOB NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL,
 expires INTEGER NOT NULL);
`

// The triggers stop a mistake, not someone who can write the file; for that
// there is the chain.
const schema2 = `
CREATE TABLE audit (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, via TEXT NOT NULL,
 address TEXT NOT NULL, action TEXT NOT NULL, object TEXT NOT NULL, outcome TEXT NOT NULL, detail TEXT NOT NULL,
 hash BLOB NOT NULL);
CREATE TRIGGER audit_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL, hash BLOB NOT NULL);
INSERT INTO audit_head VALUES (1, 0, zeroblob(32));
`

// migrate runs the steps a file has not had, each in its own transaction.
func migrate(ctx context.Context, db *sql.DB, steps []string) error {
	var have int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	if have > len(steps) {
		return fmt.Errorf("its schema is version %d and this program knows %d; a later version wrote it", have, len(steps))
	}
	for i := have; i < len(steps); i++ {
		t, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		_, err = t.ExecContext(ctx, steps[i]+fmt.Sprintf("; PRAGMA user_version = %d", i+1))
		if err != nil {
			_ = t.Rollback() // the step's error is the one to tell
			return fmt.Errorf("schema step %d: %w", i+1, err)
		}
		if err := t.Commit(); err != nil {
			return fmt.Errorf("schema step %d: %w", i+1, err)
		}
	}
	return nil
}
