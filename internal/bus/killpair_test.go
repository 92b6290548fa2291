package bus

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Children of TestKillPair say which they are by this.
const killRole = "BUS_TEST_ROLE"

// TestKillPair kills a writer and a reader, each a process of its own, again and
// again under load. Every record whose Append returned comes to the reader, and
// every record has one ID, however often it comes.
func TestKillPair(t *testing.T) {
	switch role, arg, _ := strings.Cut(os.Getenv(killRole), " "); role {
	case "writer":
		killWriter(t, arg)
	case "reader":
		killReader(t, arg)
	default:
		killPair(t)
	}
}

// killWriter appends to the spool until it is killed, and prints each record
// once it is appended.
func killWriter(t *testing.T, arg string) {
	run, dir, _ := strings.Cut(arg, " ")
	s := open(t, dir, Options{SegmentBytes: 32 << 10})
	for i := 0; ; i++ {
		a, b := fmt.Sprintf("%s-%d-a", run, i), fmt.Sprintf("%s-%d-b %s", run, i, strings.Repeat("x", i%300))
		if err := s.Append([]byte(a), []byte(b)); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s\n%s\n", a, b)
	}
}

// killReader keeps what it reads in a file, one line a record with its ID, and
// acknowledges it then, until it is killed.
func killReader(t *testing.T, arg string) {
	out, dir, _ := strings.Cut(arg, " ")
	f, err := os.OpenFile(out, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\n"); err != nil { // ends what a kill cut
		t.Fatal(err)
	}
	spool, err := Follow(dir, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := spool.Reader("store")
	if err != nil {
		t.Fatal(err)
	}
	var end Position
	var text []byte
	for n := 1; ; n++ {
		b, err := r.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i, rec := range b.Records {
			text = fmt.Appendf(text, "%s %s\n", b.ID(i), rec)
		}
		if end = b.End; n%7 != 0 && string(b.Records[0]) != "last" {
			continue
		}
		if _, err := f.Write(text); err != nil {
			t.Fatal(err)
		}
		text = text[:0]
		if err := r.Ack(end); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged")
	}
}

// child is a process of the test.
type child struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	out   io.ReadCloser
}

func startChild(t *testing.T, role string) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestKillPair$")
	cmd.Env = append(os.Environ(), killRole+"="+role)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: cmd, lines: bufio.NewScanner(out), out: out}
	t.Cleanup(c.kill)
	return c
}

func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may be dead already
	_ = c.cmd.Wait()         // killed: the status says nothing
}

func killPair(t *testing.T) {
	dir := t.TempDir()
	spool, kept := filepath.Join(dir, "spool"), filepath.Join(dir, "kept")
	rng := rand.New(rand.NewPCG(4, 1))
	accepted := map[string]bool{}
	reader := startChild(t, "reader "+kept+" "+spool)
	for run := range 10 {
		writer := startChild(t, fmt.Sprintf("writer %d %s", run, spool))
		for left := 200 + rng.IntN(2000); left > 0 && writer.lines.Scan(); left-- {
			accepted[writer.lines.Text()] = true
		}
		if run%2 == 0 { // the reader dies while the writer writes
			for range 1 + rng.IntN(5) {
				reader.lines.Scan()
			}
			reader.kill()
			reader = startChild(t, "reader "+kept+" "+spool)
		}
		_ = writer.cmd.Process.Kill()
		for writer.lines.Scan() { // what it had said by then
			accepted[writer.lines.Text()] = true
		}
		writer.kill()
	}
	reader.kill()
	if len(accepted) < 2000 {
		t.Fatalf("only %d records: the children end early", len(accepted))
	}
	readRest(t, spool, kept)
	checkKept(t, kept, accepted)
}

// readRest lets a last reader come to the end.
func readRest(t *testing.T, spool, kept string) {
	t.Helper()
	s := open(t, spool, Options{})
	if err := s.Append([]byte("last")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := s.Counters().LostFull; n != 0 {
		t.Fatalf("%d segments lost", n)
	}
	reader := startChild(t, "reader "+kept+" "+spool)
	f, err := Follow(spool, FolderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for done := false; !done && reader.lines.Scan(); {
		if done, err = f.Done(); err != nil {
			t.Fatal(err)
		}
	}
	reader.kill()
}

func checkKept(t *testing.T, kept string, accepted map[string]bool) {
	t.Helper()
	b, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	byID, ids := map[string]string{}, map[string]string{}
	lines := 0
	for l := range bytes.Lines(b) {
		id, text, ok := strings.Cut(strings.TrimSuffix(string(l), "\n"), " ")
		if !ok {
			continue // the line that a kill cut, or the empty one behind it
		}
		lines++
		if was, ok := byID[id]; ok && was != text {
			t.Fatalf("%s is %q and %q", id, was, text)
		}
		if was, ok := ids[text]; ok && was != id {
			t.Fatalf("%q is %s and %s", text, was, id)
		}
		byID[id], ids[text] = text, id
	}
	lost := 0
	for text := range accepted {
		if ids[text] == "" && strings.Contains(text, "-") {
			lost++
		}
	}
	if lost > 0 {
		t.Fatalf("%d of %d records lost", lost, len(accepted))
	}
	t.Logf("%d records accepted, %d kept, %d of them more than once", len(accepted), len(ids), lines-len(ids))
}
