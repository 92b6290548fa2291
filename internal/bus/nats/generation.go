package nats

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of a generation.
const (
	maxPacked       = 1000 << 10 // what a server takes by default, less the headers
	maxGeneration   = 64 << 20
	keepGenerations = 100
)

// Keys of the bucket.
const (
	currentKey    = "current"
	generationKey = "generation."
	sensorKey     = "sensor."
)

// Generation is a configuration that never changes.
type Generation struct {
	Number uint64
	Data   []byte
}

// Report is what a sensor says of the configuration.
type Report struct {
	Running uint64 `json:"running"` // the generation that it runs; 0: none of the bus
	// Refused is the last generation that it would not run, and Reason why; 0
	// when it took the last one.
	Refused uint64 `json:"refused,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// Publish makes a generation the current one. A number stands for one content for
// ever: to publish it again is no error, with other content it is; a number below
// the current one's is one, too. The last 100 generations are kept. When it
// fails, repeat it.
func (c *Conn) Publish(ctx context.Context, g Generation) error {
	if err := c.publish(ctx, g); err != nil {
		return fmt.Errorf("bus: generation %d: %w", g.Number, err)
	}
	return nil
}

func (c *Conn) publish(ctx context.Context, g Generation) error {
	if g.Number == 0 || len(g.Data) > maxGeneration {
		return fmt.Errorf("want a number above 0 and at most %d bytes, got %d bytes", maxGeneration, len(g.Data))
	}
	packed, err := pack(g.Data)
	if err != nil {
		return err
	}
	kv, err := c.js.KeyValue(ctx, c.configBucket())
	if err != nil {
		return err
	}
	key := generationKey + strconv.FormatUint(g.Number, 10)
	_, err = kv.Create(ctx, key, packed)
	if errors.Is(err, jetstream.ErrKeyExists) {
		var was Generation
		if was, err = get(ctx, kv, g.Number); err == nil && !bytes.Equal(was.Data, g.Data) {
			err = errors.New("was published with another content")
		}
	}
	if err != nil {
		return err
	}
	if err := point(ctx, kv, g.Number); err != nil {
		return err
	}
	if g.Number > keepGenerations {
		old := generationKey + strconv.FormatUint(g.Number-keepGenerations, 10)
		if _, err := kv.Get(ctx, old); err == nil {
			return kv.Purge(ctx, old)
		}
	}
	return nil
}

// point makes number the current one, unless a later one is.
func point(ctx context.Context, kv jetstream.KeyValue, number uint64) error {
	value := []byte(strconv.FormatUint(number, 10))
	e, err := kv.Get(ctx, currentKey)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		_, err = kv.Create(ctx, currentKey, value)
		return err
	}
	if err != nil {
		return err
	}
	now, err := strconv.ParseUint(string(e.Value()), 10, 64)
	if err != nil || now < number {
		_, err = kv.Update(ctx, currentKey, value, e.Revision())
		return err
	}
	if now > number {
		return fmt.Errorf("generation %d is the current one", now)
	}
	return nil
}

func get(ctx context.Context, kv jetstream.KeyValue, number uint64) (g Generation, err error) {
	e, err := kv.Get(ctx, generationKey+strconv.FormatUint(number, 10))
	if err != nil {
		return g, err
	}
	data, err := unpack(e.Value())
	return Generation{number, data}, err
}

// Watch calls f with the current generation and with each that becomes it later,
// each once, in rising order, from one goroutine, until ctx ends; generations
// that followed each other quickly may be left out, the last one never. It waits
// for the server for ever.
func (c *Conn) Watch(ctx context.Context, f func(Generation)) error {
	last := uint64(0)
	for attempt := 1; ; attempt++ {
		// What it returns is repeated: the bucket may not be there yet.
		_ = c.watch(ctx, func(g Generation) {
			attempt = 0
			if g.Number > last {
				last = g.Number
				f(g)
			}
		})
		if !c.sleep(ctx, attempt) {
			return ctx.Err()
		}
	}
}

func (c *Conn) watch(ctx context.Context, f func(Generation)) error {
	kv, err := c.js.KeyValue(ctx, c.configBucket())
	if err != nil {
		return err
	}
	w, err := kv.Watch(ctx, currentKey)
	if err != nil {
		return err
	}
	// It ends with the connection at the latest.
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return errors.New("the watch has ended")
			}
			if e == nil { // all that was there has been told
				continue
			}
			number, err := strconv.ParseUint(string(e.Value()), 10, 64)
			if err != nil {
				return err
			}
			g, err := get(ctx, kv, number)
			if err != nil {
				return err
			}
			f(g)
		}
	}
}

// Report tells the console what sensor, a word of letters, digits, '-' and '_',
// runs, and replaces what it said before. When it fails, repeat it.
func (c *Conn) Report(ctx context.Context, sensor string, r Report) error {
	if !isWord(sensor) {
		return &Error{fmt.Sprintf("sensor: want letters, digits, - and _, got %q", sensor), "give the sensor another name:"}
	}
	const maxReason = 64 << 10
	if len(r.Reason) > maxReason {
		r.Reason = strings.ToValidUTF8(r.Reason[:maxReason], "") + " …"
	}
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	kv, err := c.js.KeyValue(ctx, c.configBucket())
	if err == nil {
		_, err = kv.Put(ctx, sensorKey+sensor, b)
	}
	if err != nil {
		return fmt.Errorf("bus: report of %s: %w", sensor, err)
	}
	return nil
}

// Reports returns what each sensor said last, by the sensor's name.
func (c *Conn) Reports(ctx context.Context) (map[string]Report, error) {
	out := map[string]Report{}
	kv, err := c.js.KeyValue(ctx, c.configBucket())
	if err != nil {
		return nil, fmt.Errorf("bus: reports: %w", err)
	}
	w, err := kv.Watch(ctx, sensorKey+"*", jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("bus: reports: %w", err)
	}
	// It ends with the connection at the latest.
	defer func() { _ = w.Stop() }()
	for {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case e, ok := <-w.Updates():
			if !ok {
				return nil, errors.New("bus: reports: the watch has ended")
			}
			if e == nil {
				return out, nil
			}
			var r Report
			if err := json.Unmarshal(e.Value(), &r); err != nil {
				return nil, fmt.Errorf("bus: report of %s: %w", e.Key(), err)
			}
			out[strings.TrimPrefix(e.Key(), sensorKey)] = r
		}
	}
}

func pack(data []byte) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	packed := enc.EncodeAll(data, nil)
	if err := enc.Close(); err != nil {
		return nil, err
	}
	if len(packed) > maxPacked {
		return nil, &Error{fmt.Sprintf("want at most %d bytes compressed, got %d", maxPacked, len(packed)), "move long address lists into dynamic lists:"}
	}
	return packed, nil
}

func unpack(packed []byte) ([]byte, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxGeneration))
	if err != nil {
		return nil, err
	}
	defer dec.Close()
	return dec.DecodeAll(packed, nil)
}
