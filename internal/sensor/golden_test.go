package sensor_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

var update = flag.Bool("update", false, "rewrite the golden files of the sensor")

// goldenCase is one capture in testdata and how it is inspected. Rules are in
// testdata/<name>.rules where there are any.
type goldenCase struct {
	name string
	make func() []shot // made anew by -update
	sets []string
	cfg  func(*sensor.Config)
}

// shot is one frame of a capture.
type shot struct {
	time int64
	wire int // length on the wire, 0: all of data
	data []byte
}

// TestGolden makes each case's capture, which must be testdata/<case>.pcap byte
// for byte, inspects it and wants <case>.eve.json, each line as the schemas have
// it. With -update both files are rewritten.
func TestGolden(t *testing.T) {
	schemas := recordtest.Load(t)
	var names []string
	for _, c := range goldenCases() {
		names = append(names, c.name)
		t.Run(c.name, func(t *testing.T) {
			base := filepath.Join("testdata", c.name)
			made := pcapOf(t, c.make())
			if *update {
				writeFile(t, base+".pcap", made)
			}
			if have, err := os.ReadFile(base + ".pcap"); err != nil || !bytes.Equal(have, made) {
				t.Errorf("%s.pcap is not what is made today (%v); go test -update rewrites it", base, err)
			}
			got := c.inspect(t, base)
			if *update {
				writeFile(t, base+".eve.json", got)
			}
			want, err := os.ReadFile(base + ".eve.json")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
				t.Errorf("-want +got; go test -update rewrites:\n%s", diff)
			}
			if again := c.inspect(t, base); !bytes.Equal(got, again) {
				t.Error("a second inspection says something else")
			}
			if n := schemas.CheckLines(t, got); n == 0 {
				t.Error("no record at all")
			}
		})
	}
	files, err := filepath.Glob("testdata/*.pcap")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name := strings.TrimSuffix(filepath.Base(f), ".pcap"); !slices.Contains(names, name) {
			t.Errorf("%s belongs to no case", f)
		}
	}
}

func (c *goldenCase) inspect(t *testing.T, base string) []byte {
	t.Helper()
	rules, err := os.ReadFile(base + ".rules")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	cfg := activeConfig(t, string(rules), c.sets...)
	if c.cfg != nil {
		c.cfg(cfg)
	}
	src, err := pcapfile.Open(base+".pcap", pcapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	if err := errors.Join(sensor.Play(context.Background(), w, src, nil), w.Finish(), src.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func pcapOf(t *testing.T, shots []shot) []byte {
	t.Helper()
	var b bytes.Buffer
	w := pcapfile.NewMicroWriter(&b, packet.LinkEthernet)
	for _, s := range shots {
		if err := w.WriteFrame(s.time, s.wire, s.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func writeFile(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}
