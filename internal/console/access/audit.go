package access

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Event is what someone did, for the audit log. It must hold no secret.
type Event struct {
	Action  string `json:"action"`           // such as "config.commit"
	Object  string `json:"object"`           // what it was done to
	Outcome string `json:"outcome"`          // "done" or "refused"; empty is "done"
	Detail  string `json:"detail,omitempty"` // a line for people
}

// Entry is one line of the audit log.
type Entry struct {
	Seq     int64     `json:"seq"` // from 1, without gaps
	Time    time.Time `json:"time"`
	Actor   string    `json:"actor"`   // user name, or "system"
	Via     string    `json:"via"`     // "session …", "token …", or empty
	Address string    `json:"address"` // where the call came from; may be empty
	Event
	Hash string `json:"hash"` // of this entry and all before it, in hex
}

// Head is the end of the audit log. Kept somewhere else, it lets VerifyAudit
// find that the log's end was cut off or the whole log was written anew.
type Head struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash"`
}

const maxAuditText = 1024 // bytes of one field

// chain is the hash of an entry that follows the one with hash prev. Each field
// has its length before it: no two entries give the same bytes.
func chain(prev []byte, seq, at int64, fields ...string) []byte {
	h := sha256.New()
	h.Write([]byte("mirrorwall audit 1\n"))
	h.Write(prev)
	b := binary.BigEndian.AppendUint64(nil, uint64(seq))
	h.Write(binary.BigEndian.AppendUint64(b, uint64(at)))
	for _, f := range fields {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		h.Write([]byte(f))
	}
	return h.Sum(nil)
}

// Record appends an event to the audit log, for what other packages do: a
// commit, a download of packets. An error means that it was not written, and
// what it tells of should not be done.
func (s *Store) Record(ctx context.Context, by Identity, e Event) error {
	return s.tx(ctx, func(t *sql.Tx) error { return s.audit(ctx, t, by, e) })
}

func (s *Store) audit(ctx context.Context, t *sql.Tx, by Identity, e Event) error {
	var seq int64
	var prev []byte
	if err := t.QueryRowContext(ctx, "SELECT seq, hash FROM audit_head").Scan(&seq, &prev); err != nil {
		return fmt.Errorf("access: audit: %w", err)
	}
	seq++
	if e.Outcome == "" {
		e.Outcome = "done"
	}
	via, address := "", ""
	switch {
	case by.Token != "":
		via = "token " + by.Token
	case by.Session != "":
		via = "session " + by.Session
	}
	if by.Address.IsValid() {
		address = by.Address.String()
	}
	f := []string{by.Name, via, address, e.Action, e.Object, e.Outcome, e.Detail}
	for i := range f {
		f[i] = strings.ToValidUTF8(f[i][:min(len(f[i]), maxAuditText)], "�")
	}
	at := s.now()
	sum := chain(prev, seq, at, f...)
	_, err := t.ExecContext(ctx, "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		seq, at, f[0], f[1], f[2], f[3], f[4], f[5], f[6], sum)
	if err == nil {
		_, err = t.ExecContext(ctx, "UPDATE audit_head SET seq = ?, hash = ?", seq, sum)
	}
	if err != nil {
		return fmt.Errorf("access: audit: %w", err)
	}
	return nil
}

const auditColumns = "SELECT seq, at, actor, via, address, action, object, outcome, detail, hash FROM audit "

func scanEntry(rows *sql.Rows) (e Entry, at int64, sum []byte, err error) {
	err = rows.Scan(&e.Seq, &at, &e.Actor, &e.Via, &e.Address, &e.Action, &e.Object, &e.Outcome, &e.Detail, &sum)
	e.Time, e.Hash = stamp(at), hex.EncodeToString(sum)
	return e, at, sum, err
}

// Audit gives up to limit (at most 1000) entries before the sequence number
// before, latest first; 0 means from the end. It needs audit.read.
func (s *Store) Audit(ctx context.Context, by Identity, before int64, limit int) ([]Entry, error) {
	if err := by.need(AuditRead); err != nil {
		return nil, err
	}
	if before <= 0 {
		before = 1<<63 - 1
	}
	rows, err := s.db.QueryContext(ctx, auditColumns+"WHERE seq < ? ORDER BY seq DESC LIMIT ?", before, min(max(limit, 1), 1000))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := []Entry{}
	for rows.Next() {
		e, _, _, err := scanEntry(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// VerifyAudit walks the whole audit log and gives its head. It finds an entry
// that was changed, removed, inserted or moved, and a cut end; the error names
// the first that is wrong. Someone who can write the file could make a whole
// new log: an anchor kept elsewhere (a head of earlier) finds that too. It needs
// audit.read.
func (s *Store) VerifyAudit(ctx context.Context, by Identity, anchors ...Head) (Head, error) {
	if err := by.need(AuditRead); err != nil {
		return Head{}, err
	}
	at := map[int64]string{}
	for _, a := range anchors {
		at[a.Seq] = a.Hash
	}
	var head Head
	err := s.tx(ctx, func(t *sql.Tx) (err error) {
		head, err = walkAudit(ctx, t, at)
		return err
	})
	if err != nil {
		return head, err
	}
	for _, a := range anchors {
		if a.Seq > head.Seq {
			return head, fmt.Errorf("access: audit: the log ends at entry %d and had %d: its end was removed", head.Seq, a.Seq)
		}
	}
	return head, nil
}

func walkAudit(ctx context.Context, t *sql.Tx, anchors map[int64]string) (Head, error) {
	var want Head
	var sum []byte
	if err := t.QueryRowContext(ctx, "SELECT seq, hash FROM audit_head").Scan(&want.Seq, &sum); err != nil {
		return Head{}, fmt.Errorf("access: audit: no head: %w", err)
	}
	want.Hash = hex.EncodeToString(sum)
	rows, err := t.QueryContext(ctx, auditColumns+"ORDER BY seq")
	if err != nil {
		return Head{}, err
	}
	defer rows.Close()
	prev := make([]byte, sha256.Size)
	var head Head
	for rows.Next() {
		e, at, sum, err := scanEntry(rows)
		if err != nil {
			return head, err
		}
		if e.Seq != head.Seq+1 {
			return head, fmt.Errorf("access: audit: entry %d follows entry %d: entries were removed or inserted", e.Seq, head.Seq)
		}
		prev = chain(prev, e.Seq, at, e.Actor, e.Via, e.Address, e.Action, e.Object, e.Outcome, e.Detail)
		if string(prev) != string(sum) {
			return head, fmt.Errorf("access: audit: entry %d does not fit its hash: it or its place was changed", e.Seq)
		}
		head = Head{e.Seq, e.Hash}
		if a, ok := anchors[e.Seq]; ok && a != e.Hash {
			return head, fmt.Errorf("access: audit: entry %d is not the one that the anchor names: the log was written anew", e.Seq)
		}
	}
	if err := rows.Err(); err != nil {
		return head, err
	}
	if head != want && !(head.Seq == 0 && want.Seq == 0) {
		return head, fmt.Errorf("access: audit: the log ends at entry %d and its head says %d: its end was removed", head.Seq, want.Seq)
	}
	return head, nil
}
