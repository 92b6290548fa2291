package nats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/mirrorwall/mirrorwall/internal/bus"
)

// Bounds of a Source.
const (
	fetchMessages = 64   // under way to the source at a time, of at most 1 MiB by default
	maxMarks      = 4096 // spools whose position is known
)

// Source reads the records of all sensors under a named cursor, which lies in a
// key-value bucket beside the stream: whoever opens the name next continues there
// at once, in order. A position's Segment is a message's sequence in the stream,
// its Offset the blocks of it that are done.
//
// The cursor also knows how far each sensor's spool has come, so that a block
// stored twice is handed out once, by however much the second copy is later.
type Source struct {
	c    *Conn
	key  string
	kv   jetstream.KeyValue
	rev  uint64 // of the cursor; another's change of it is an error
	done cursor // acknowledged
	next uint64 // sequence of the next message wanted
	skip int64  // blocks of it that are done
	seen map[string]mark
	open []pending // handed out, not acknowledged, oldest first

	cons  jetstream.Consumer
	batch jetstream.MessageBatch
	// delivered counts the messages that cons has sent and this source has got.
	delivered uint64

	unpack *bus.Unpacker
	msg    message // the one being read; data is empty when there is none

	damaged, lost, duplicates atomic.Uint64
}

var _ bus.Source = (*Source)(nil)

// cursor is the bucket's value.
type cursor struct {
	Position bus.Position    `json:"position"`
	Marks    map[string]mark `json:"marks"` // by sensor/spool
}

// mark is how far a spool has come, and by which message.
type mark struct {
	End      bus.Position `json:"end"`
	Sequence uint64       `json:"sequence"`
}

type pending struct {
	end   bus.Position // in the stream
	spool string
	mark  mark
}

type message struct {
	seq    uint64
	origin bus.Origin // of the block at the start of data
	data   []byte
	block  int64 // number of that block
}

// Source opens the cursor name, a word of letters, digits, '-' and '_'; a new one
// starts at the oldest record. Of two sources of one name the first to be opened
// fails at its next Ack. Call it when Setup is done; its errors may pass by
// themselves.
func (c *Conn) Source(ctx context.Context, name string) (*Source, error) {
	if !isWord(name) {
		return nil, &Error{fmt.Sprintf("cursor name: want letters, digits, - and _, got %q", name), "name the cursor otherwise:"}
	}
	s := &Source{c: c, key: name, seen: map[string]mark{}}
	var err error
	if s.kv, err = c.js.KeyValue(ctx, c.cursorBucket()); err != nil {
		return nil, fmt.Errorf("bus: cursor %s: %w", name, err)
	}
	if err := s.load(ctx); err != nil {
		return nil, fmt.Errorf("bus: cursor %s: %w", name, err)
	}
	if s.unpack, err = bus.NewUnpacker(); err != nil {
		return nil, err
	}
	return s, nil
}

// load reads the cursor and makes it this source's by writing it back.
func (s *Source) load(ctx context.Context) error {
	s.done = cursor{Position: bus.Position{Segment: 1}, Marks: map[string]mark{}}
	e, err := s.kv.Get(ctx, s.key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(e.Value(), &s.done); err != nil {
			return err
		}
		s.rev = e.Revision()
	}
	for k, m := range s.done.Marks {
		s.seen[k] = m
	}
	s.next, s.skip = s.done.Position.Segment, s.done.Position.Offset
	return s.save(ctx, s.done)
}

// save writes the cursor unless another has. An answer that was lost is no
// failure: then the value is there.
func (s *Source) save(ctx context.Context, cur cursor) error {
	b, err := json.Marshal(cur)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		wait, cancel := context.WithTimeout(ctx, s.c.opt.Wait)
		rev, err := s.kv.Update(wait, s.key, b, s.rev)
		var e jetstream.KeyValueEntry
		if err != nil {
			e, _ = s.kv.Get(wait, s.key)
		}
		cancel()
		if e != nil && e.Revision() != s.rev {
			if string(e.Value()) != string(b) {
				return errors.New("another reader uses this name")
			}
			rev, err = e.Revision(), nil
		}
		if err == nil {
			s.rev = rev
			return nil
		}
		if s.c.nc.IsClosed() {
			return err
		}
		if !s.c.sleep(ctx, attempt) {
			return ctx.Err()
		}
	}
}

// Next returns the next block of any sensor.
func (s *Source) Next(ctx context.Context) (bus.Batch, error) {
	for {
		for len(s.msg.data) > 0 {
			if b, ok := s.block(); ok {
				return b, nil
			}
		}
		if err := s.receive(ctx); err != nil {
			return bus.Batch{}, err
		}
	}
}

// block takes the block at the start of the message; not one that is damaged or
// was handed out before.
func (s *Source) block() (bus.Batch, bool) {
	m := &s.msg
	records, n, err := s.unpack.Unpack(m.data)
	if n == 0 {
		n = len(m.data) // no telling where the next one begins
	}
	origin := m.origin
	m.data = m.data[n:]
	m.origin.Start.Offset += int64(n)
	m.block++
	end := bus.Position{Segment: m.seq, Offset: m.block}
	if len(m.data) == 0 {
		end = bus.Position{Segment: m.seq + 1}
	}
	if m.block <= s.skip {
		return bus.Batch{}, false
	}
	if len(m.data) == 0 {
		s.skip = 0
	}
	if err != nil {
		s.damaged.Add(1)
		return bus.Batch{}, false
	}
	spool := origin.Sensor + "/" + origin.Spool
	if origin.Start.Before(s.seen[spool].End) {
		s.duplicates.Add(1)
		return bus.Batch{}, false
	}
	at := mark{m.origin.Start, m.seq}
	s.seen[spool] = at
	s.open = append(s.open, pending{end, spool, at})
	return bus.Batch{Records: records, Origin: origin, End: end}, true
}

// receive waits for the next message. What goes wrong on the way is repeated
// until ctx ends: the consumer is made anew behind the last message.
func (s *Source) receive(ctx context.Context) error {
	for attempt := 1; ; attempt++ {
		m, err := s.fetch(ctx)
		if err == nil && m != nil {
			if err = s.accept(m); err == nil {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			attempt = 0 // nothing came, and nothing was wrong
			continue
		}
		s.cons, s.batch = nil, nil
		if s.c.nc.IsClosed() {
			return bus.ErrClosed
		}
		if !s.c.sleep(ctx, attempt) {
			return ctx.Err()
		}
	}
}

var errOrder = errors.New("a message was left out")

// fetch returns the next message; nil when the request ended without one.
func (s *Source) fetch(ctx context.Context) (jetstream.Msg, error) {
	if s.cons == nil {
		wait, cancel := context.WithTimeout(ctx, s.c.opt.Wait)
		defer cancel()
		if err := s.rewind(wait); err != nil {
			return nil, err
		}
		cons, err := s.c.js.CreateConsumer(wait, s.c.stream(), jetstream.ConsumerConfig{
			DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
			OptStartSeq:       max(s.next, 1),
			AckPolicy:         jetstream.AckNonePolicy, // the cursor is the acknowledgement
			Replicas:          1,
			MemoryStorage:     true,
			InactiveThreshold: 10 * s.c.opt.Wait,
		})
		if err != nil {
			return nil, err
		}
		s.cons, s.delivered = cons, 0
	}
	if s.batch == nil {
		batch, err := s.cons.Fetch(fetchMessages, jetstream.FetchMaxWait(2*s.c.opt.Wait),
			jetstream.FetchHeartbeat(max(s.c.opt.Wait/5, 100*time.Millisecond)))
		if err != nil {
			return nil, err
		}
		s.batch = batch
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case m, ok := <-s.batch.Messages():
		if ok {
			return m, nil
		}
		err := s.batch.Error()
		s.batch = nil
		return nil, err
	}
}

// rewind goes to the stream's beginning when it ends before the place of the
// cursor: it was made anew. What this source has seen of it is dropped as
// duplicates.
func (s *Source) rewind(ctx context.Context) error {
	st, err := s.c.js.Stream(ctx, s.c.stream())
	if err != nil {
		return err
	}
	if s.next > st.CachedInfo().State.LastSeq+1 {
		s.next, s.skip, s.open = 1, 0, nil
	}
	return nil
}

// accept begins a message.
func (s *Source) accept(m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return fmt.Errorf("bus: %w", err)
	}
	if meta.Sequence.Consumer != s.delivered+1 {
		return errOrder // sent to a connection that was lost
	}
	s.delivered++
	seq := meta.Sequence.Stream
	if seq < s.next {
		return nil
	}
	if seq > s.next {
		// The stream gave them up: too many bytes, or too old.
		s.lost.Add(seq - s.next)
		s.skip = 0
	}
	s.next = seq + 1
	origin, ok := parseMessageID(m.Headers().Get(jetstream.MsgIDHeader))
	if !ok || m.Subject() != s.c.subject(origin.Sensor) {
		s.damaged.Add(1)
		return nil
	}
	s.msg = message{seq: seq, origin: origin, data: m.Data()}
	return nil
}

// parseMessageID reads what messageID wrote.
func parseMessageID(id string) (o bus.Origin, ok bool) {
	part := strings.Split(id, "/")
	if len(part) != 4 || !isWord(part[0]) || !isWord(part[1]) {
		return o, false
	}
	segment, err := strconv.ParseUint(part[2], 10, 64)
	if err != nil {
		return o, false
	}
	from, _, found := strings.Cut(part[3], "-")
	offset, err := strconv.ParseInt(from, 10, 64)
	if err != nil || !found || offset < 0 {
		return o, false
	}
	return bus.Origin{Sensor: part[0], Spool: part[1], Start: bus.Position{Segment: segment, Offset: offset}}, true
}

// Ack moves the cursor; it repeats until the server has stored it, and fails when
// another source has taken the name or the connection was closed.
func (s *Source) Ack(end bus.Position) error {
	cur := cursor{Position: end, Marks: make(map[string]mark, len(s.done.Marks))}
	for k, m := range s.done.Marks {
		cur.Marks[k] = m
	}
	n := 0
	for n < len(s.open) && !end.Before(s.open[n].end) {
		cur.Marks[s.open[n].spool] = s.open[n].mark
		n++
	}
	for len(cur.Marks) > maxMarks {
		oldest := ""
		for k, m := range cur.Marks {
			if oldest == "" || m.Sequence < cur.Marks[oldest].Sequence {
				oldest = k
			}
		}
		delete(cur.Marks, oldest)
		delete(s.seen, oldest)
	}
	if err := s.save(context.Background(), cur); err != nil {
		return fmt.Errorf("bus: cursor %s: %w", s.key, err)
	}
	s.done, s.open = cur, append(s.open[:0], s.open[n:]...)
	return nil
}

// SourceCounters are a Source's totals since it was opened.
type SourceCounters struct {
	Damaged    uint64 // blocks and messages skipped because they can't be read
	Lost       uint64 // messages that the stream gave up before they were read
	Duplicates uint64 // blocks stored twice and handed out once
}

// Counters returns the totals so far; any goroutine may ask.
func (s *Source) Counters() SourceCounters {
	return SourceCounters{s.damaged.Load(), s.lost.Load(), s.duplicates.Load()}
}

// Close releases the source; the server drops its consumer by itself.
func (s *Source) Close() error {
	s.unpack.Close()
	return nil
}
