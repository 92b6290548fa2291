//go:build duckdb

package duckdb_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/bus/nats"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/duckdb"
)

// Children of TestKillRun learn by this what they are, and where.
const killRunRole = "MIRRORWALL_KILLRUN_ROLE"

// lastFlow is the record that is appended when all is over.
const lastFlow = 999_999_999_999

// TestKillRun kills sensor, console and the nodes of a NATS cluster of three at
// random under load, each a process of its own, MIRRORWALL_KILLS times (6). Each
// record whose Append returned is in the store once at the end; none is there twice.
// MIRRORWALL_SEED repeats a choice of victims.
func TestKillRun(t *testing.T) {
	part := strings.Split(os.Getenv(killRunRole), "|")
	if len(part) == 4 {
		// A parent that is gone wants nobody any more.
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(3) }()
		c := killRunChild{dir: part[1], ports: part[2], run: part[3]}
		if err := map[string]func() error{"node": c.node, "sensor": c.sensor, "console": c.console}[part[0]](); err != nil {
			fmt.Println("error", part[0], err)
		}
		return
	}
	killRun(t)
}

// killRunChild is a child's place in the test.
type killRunChild struct{ dir, ports, run string }

func (c *killRunChild) port(i int) int {
	n, _ := strconv.Atoi(strings.Split(c.ports, ",")[i])
	return n
}

// node serves as the node of the cluster whose number run is, until it is killed.
func (c *killRunChild) node() error {
	n, _ := strconv.Atoi(c.run)
	var routes []*url.URL
	for i := range 3 {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", c.port(3+i))})
	}
	s, err := server.NewServer(&server.Options{
		ServerName: "n" + c.run, Host: "127.0.0.1", Port: c.port(n), JetStream: true, NoLog: true, NoSigs: true,
		StoreDir: filepath.Join(c.dir, "node"+c.run), Routes: routes,
		Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: c.port(3 + n)},
	})
	if err != nil {
		return err
	}
	s.Start()
	fmt.Println("started")
	select {}
}

// connect is ready once the cluster is.
func (c *killRunChild) connect(name string) (*nats.Conn, error) {
	var urls []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", c.port(i)))
	}
	conn, err := nats.Connect(nats.Options{URLs: urls, Name: name, Replicas: 3, MaxBytes: 1 << 30, Wait: 2 * time.Second, Backoff: 20 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	for conn.Setup(context.Background()) != nil {
		time.Sleep(50 * time.Millisecond)
	}
	return conn, nil
}

// sensor appends to its spool and ships it, until it is killed; it prints how
// many records it had accepted. The run "last" appends one record, and ends when all is
// shipped.
func (c *killRunChild) sensor() error {
	spool, err := bus.Open(filepath.Join(c.dir, "spool"), bus.Options{Sensor: "s1", SegmentBytes: 256 << 10})
	if err != nil {
		return err
	}
	shipped := make(chan error, 1)
	go func() {
		conn, err := c.connect("sensor")
		if err != nil {
			shipped <- err
			return
		}
		f, err := conn.NewForwarder(spool, "bus")
		if err == nil {
			err = f.Run(context.Background())
		}
		shipped <- err
	}()
	if c.run == "last" {
		if err := errors.Join(spool.Append(killRecord(lastFlow)), spool.Close()); err != nil {
			return err
		}
		return <-shipped
	}
	run, _ := strconv.ParseUint(c.run, 10, 64)
	for n := uint64(0); ; n += 20 {
		var records [][]byte
		for i := range uint64(20) {
			records = append(records, killRecord(run*10_000_000+n+i))
		}
		if err := spool.Append(records...); err != nil {
			return err
		}
		fmt.Println("accepted", n+20)
		select {
		case err := <-shipped:
			return fmt.Errorf("forwarder: %w", err)
		case <-time.After(4 * time.Millisecond):
		}
	}
}

func killRecord(flow uint64) []byte {
	return fmt.Appendf(nil, `{"timestamp":"%s","flow_id":%d,"event_type":"flow","src_ip":"10.0.0.1","src_port":4000,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP","flow":{"pkts_toserver":1,"pkts_toclient":1,"bytes_toserver":60,"bytes_toclient":60,"state":"closed"}}`,
		time.Now().UTC().Format("2006-01-02T15:04:05.000000-0700"), flow)
}

// console reads the stream into the store until it is killed; it says when the
// last record is acknowledged.
func (c *killRunChild) console() error {
	st, err := duckdb.Open(duckdb.Options{Dir: filepath.Join(c.dir, "store")})
	if err != nil {
		return err
	}
	conn, err := c.connect("console")
	if err != nil {
		return err
	}
	var src *nats.Source
	for src == nil {
		if src, err = conn.Source(context.Background(), "store"); err != nil {
			time.Sleep(50 * time.Millisecond)
		}
	}
	g := store.NewIngester(&watched{Source: src}, st, nil, store.IngestOptions{Wait: 200 * time.Millisecond})
	return g.Run(context.Background())
}

// watched says when the last record is acknowledged.
type watched struct {
	bus.Source
	mu   sync.Mutex
	last bus.Position
}

// Next implements bus.Source.
func (w *watched) Next(ctx context.Context) (bus.Batch, error) {
	b, err := w.Source.Next(ctx)
	for _, r := range b.Records {
		if killFlow(r) == lastFlow {
			w.mu.Lock()
			w.last = b.End
			w.mu.Unlock()
		}
	}
	return b, err
}

// Ack implements bus.Source.
func (w *watched) Ack(end bus.Position) error {
	err := w.Source.Ack(end)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err == nil && w.last != (bus.Position{}) && !end.Before(w.last) {
		fmt.Println("last")
	}
	return err
}

// killFlow is the flow_id of a record; 0 when it has none.
func killFlow(line []byte) uint64 {
	_, rest, _ := bytes.Cut(line, []byte(`"flow_id":`))
	digits, _, _ := bytes.Cut(rest, []byte(","))
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}

// killed is one running child.
type killed struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	done chan struct{} // its output has ended

	mu       sync.Mutex
	accepted uint64
	problem  string
	last     chan struct{}
}

func startKilled(t *testing.T, role string) *killed {
	t.Helper()
	k := &killed{cmd: exec.Command(os.Args[0], "-test.run", "^TestKillRun$"), done: make(chan struct{}), last: make(chan struct{})}
	k.cmd.Env = append(os.Environ(), killRunRole+"="+role)
	var err error
	if k.in, err = k.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := k.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := k.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go k.read(out)
	t.Cleanup(k.kill)
	return k
}

func (k *killed) read(out io.Reader) {
	defer close(k.done)
	once := sync.OnceFunc(func() { close(k.last) })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		k.mu.Lock()
		switch word {
		case "accepted":
			k.accepted, _ = strconv.ParseUint(rest, 10, 64)
		case "error":
			k.problem = rest
		case "last":
			once()
		}
		k.mu.Unlock()
	}
}

func (k *killed) kill() {
	_ = k.cmd.Process.Kill() // it may be dead already
	<-k.done
	_ = k.cmd.Wait() // killed: the status says nothing
}

// cluster is all that a run kills.
type cluster struct {
	t          *testing.T
	dir, ports string
	runs       int
	accepted   []uint64 // by run of the sensor
	child      [5]*killed
	kills      [5]int
}

var killNames = [...]string{"node", "node", "node", "sensor", "console"}

func (c *cluster) start(i int) {
	run := strconv.Itoa(i)
	if i == 3 {
		c.runs++
		run = strconv.Itoa(c.runs)
	}
	c.child[i] = startKilled(c.t, strings.Join([]string{killNames[i], c.dir, c.ports, run}, "|"))
}

func (c *cluster) kill(i int) {
	k := c.child[i]
	k.kill()
	if k.problem != "" {
		c.t.Errorf("%s ended by itself: %s", killNames[i], k.problem)
	}
	if i == 3 {
		c.accepted = append(c.accepted, k.accepted)
	}
	c.kills[i]++
}

func killRun(t *testing.T) {
	kills, seed := 6, rand.Uint64()
	if n, err := strconv.Atoi(os.Getenv("MIRRORWALL_KILLS")); err == nil {
		kills = n
	}
	if n, err := strconv.ParseUint(os.Getenv("MIRRORWALL_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("MIRRORWALL_KILLS=%d MIRRORWALL_SEED=%d", kills, seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	c := &cluster{t: t, dir: t.TempDir(), ports: freePorts(t)}
	for i := range c.child {
		c.start(i)
	}
	time.Sleep(3 * time.Second)        // the cluster finds its leader; nothing depends on it
	everyone := rng.Perm(len(c.child)) // a short run kills each of them, too
	for n := range kills {
		time.Sleep(time.Duration(200+rng.IntN(1500)) * time.Millisecond)
		victim := rng.IntN(len(c.child))
		if n < len(everyone) {
			victim = everyone[n]
		}
		c.kill(victim)
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		c.start(victim)
	}
	c.kill(3)
	c.kills[3]-- // its end, not a kill of the run
	c.finish()
	c.check(t)
}

// finish waits until the last record is in the store.
func (c *cluster) finish() {
	last := startKilled(c.t, strings.Join([]string{"sensor", c.dir, c.ports, "last"}, "|"))
	select {
	case <-c.child[4].last:
	case <-time.After(3 * time.Minute):
		c.t.Error("the last record does not come")
	}
	last.kill()
	for i, k := range c.child {
		k.kill()
		if k.problem != "" {
			c.t.Errorf("%s ended by itself: %s", killNames[i], k.problem)
		}
	}
}

// check compares what the store holds with what was accepted.
func (c *cluster) check(t *testing.T) {
	st, err := duckdb.Open(duckdb.Options{Dir: filepath.Join(c.dir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	seen, double := map[uint64]bool{}, 0
	_, err = st.Scan(t.Context(), store.Query{}, func(r store.Row) error {
		if n := killFlow(r.Raw); seen[n] {
			double++
		} else {
			seen[n] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	accepted, lost := 0, 0
	for run, n := range c.accepted {
		for i := range n {
			if accepted++; !seen[uint64(run+1)*10_000_000+i] {
				lost++
			}
		}
	}
	t.Logf("killed: nodes %d, sensor %d, console %d; %d records accepted, %d in the store, %d lost, %d double",
		c.kills[0]+c.kills[1]+c.kills[2], c.kills[3], c.kills[4], accepted, len(seen), lost, double)
	if lost > 0 || double > 0 || !seen[lastFlow] {
		t.Errorf("%d of %d accepted records lost, %d double", lost, accepted, double)
	}
	if accepted < 1000 {
		t.Errorf("only %d records: the sensor ends early", accepted)
	}
}

// freePorts are six ports, those of the clients and those of the routes.
func freePorts(t *testing.T) string {
	t.Helper()
	var ports []string
	for range 6 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return strings.Join(ports, ",")
}
