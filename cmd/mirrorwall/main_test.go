package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/cli"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/traffic"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"mirrorwall": func() { os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
	})
}

// TestScript plays testdata/script/*.txtar: the command line as people use it.
func TestScript(t *testing.T) {
	schemas := recordtest.Load(t)
	golden := filepath.Join(recordtest.Root(t), "internal", "sensor", "testdata")
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TERM", "dumb")
			e.Setenv("GOLDEN", golden)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Getuid() == 0, nil
			}
			if cond == "store" {
				return embeddedStore, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mkpcap": mkpcap,
			"targz":  targz,
			"cut":    cut,
			"hold":   hold,
			"hook":   hook,
			"await":  await,
			"expand": expand,
			"get":    get,
			"count":  count,
			"eve":    func(ts *testscript.TestScript, _ bool, args []string) { eve(ts, schemas, args) },
		},
	})
}

// mkpcap SCENARIO... FILE writes the traffic of scenarios, one after another.
// VNI=n wraps what follows as a mirror does.
func mkpcap(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: mkpcap SCENARIO... FILE")
	}
	names, path := args[:len(args)-1], ts.MkAbs(args[len(args)-1])
	f, err := os.Create(path)
	ts.Check(err)
	b := bufio.NewWriter(f)
	w := pcapfile.NewMicroWriter(b, packet.LinkEthernet)
	now, outer := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), traffic.Outer{}
	for _, name := range names {
		if v, ok := strings.CutPrefix(name, "VNI="); ok {
			vni, err := strconv.ParseUint(v, 10, 24)
			ts.Check(err)
			outer.VNI = uint32(vni)
			continue
		}
		for _, fr := range frames(ts, name, now) {
			data := fr.Data
			if outer.VNI != 0 {
				outer.Src, outer.Dst = fr.ENI, traffic.Fleet()[0].Addr
				data = outer.AppendMirrored(nil, data)
			}
			ts.Check(w.WriteFrame(fr.Time, 0, data))
			now = time.Unix(0, fr.Time+1e9)
		}
	}
	ts.Check(errors.Join(w.Flush(), b.Flush(), f.Close()))
}

func frames(ts *testscript.TestScript, name string, at time.Time) []traffic.Frame {
	for _, s := range traffic.Scenarios() {
		if s.Name == name {
			return s.Frames(1, at)
		}
	}
	ts.Fatalf("no scenario %s", name)
	return nil
}

// targz ARCHIVE FILE... writes an archive of files under the names given.
func targz(ts *testscript.TestScript, _ bool, args []string) {
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, name := range args[1:] {
		text := ts.ReadFile(name)
		ts.Check(w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
		_, err := io.WriteString(w, text)
		ts.Check(err)
	}
	ts.Check(errors.Join(w.Close(), z.Close(), f.Close()))
}

// cut FILE N takes N bytes off the end of a file.
func cut(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	st, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, st.Size()-n))
}

// hold udp|tcp|free NAME listens on a loopback port until the script ends and
// puts the address into $NAME; free only finds one that nobody has.
func hold(ts *testscript.TestScript, _ bool, args []string) {
	var c io.Closer
	var addr net.Addr
	if args[0] == "tcp" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		c, addr = l, l.Addr()
	} else {
		l, err := net.ListenPacket("udp", "127.0.0.1:0")
		ts.Check(err)
		c, addr = l, l.LocalAddr()
	}
	ts.Setenv(args[1], addr.String())
	if args[0] == "free" {
		ts.Check(c.Close())
		return
	}
	ts.Defer(func() {
		if err := c.Close(); err != nil {
			ts.Logf("close %v: %v", addr, err)
		}
	})
}

// hook NAME FILE receives webhooks until the script ends, its URL in $NAME. It
// answers the status that FILE holds, and adds "STATUS ID" to FILE.log.
func hook(ts *testscript.TestScript, _ bool, args []string) {
	file := ts.MkAbs(args[1])
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := os.ReadFile(file)
		status, aerr := strconv.Atoi(strings.TrimSpace(string(text)))
		log, lerr := os.OpenFile(file+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if errors.Join(err, aerr, lerr) != nil {
			status = http.StatusTeapot
		}
		w.WriteHeader(status)
		if lerr == nil {
			_, err = fmt.Fprintf(log, "%d %s\n", status, r.Header.Get("webhook-id"))
			if err := errors.Join(err, log.Close()); err != nil {
				ts.Logf("hook: %v", err)
			}
		}
	}))
	ts.Defer(srv.Close)
	ts.Setenv(args[0], srv.URL)
}

// await FILE TEXT waits until a file holds a text.
func await(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("%s never holds %q: %v\n%s", args[0], args[1], err, b)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// expand FILE... replaces $NAME in files by what the script has set.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// get ADDRESS/PATH STATUS TEXT asks over HTTP until the answer has the status
// and holds the text.
func get(ts *testscript.TestScript, _ bool, args []string) {
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		r, err := http.Get("http://" + args[0])
		if err != nil {
			last = err.Error()
			continue
		}
		body, err := io.ReadAll(r.Body)
		ts.Check(errors.Join(err, r.Body.Close()))
		last = fmt.Sprintf("%d\n%s", r.StatusCode, body)
		if fmt.Sprint(r.StatusCode) == args[1] && strings.Contains(string(body), args[2]) {
			return
		}
	}
	ts.Fatalf("%s: want %s and %q, got %s", args[0], args[1], args[2], last)
}

// count N FILE TEXT wants N lines of a file (or of stdout, stderr) that hold a
// text.
func count(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		if strings.Contains(line, args[2]) {
			n++
		}
	}
	if got := fmt.Sprint(n); got != args[0] {
		ts.Fatalf("%s: %s lines hold %q, want %s", args[1], got, args[2], args[0])
	}
}

// eve FILE holds every line of a file (or of stdout) against the schemas.
func eve(ts *testscript.TestScript, s *recordtest.Schemas, args []string) {
	n := 0
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		n++
		if !strings.HasSuffix(line, "\n") {
			ts.Fatalf("line %d is not whole: %s", n, line)
		}
		if err := s.Check([]byte(line)); err != nil {
			ts.Fatalf("line %d: %v\n%s", n, err, line)
		}
	}
	if n == 0 {
		ts.Fatalf("%s: no records", args[0])
	}
}
