// Command differential is our half of `make differential`: it reads the paths
// of captures from standard input, inspects each as a process of its own would,
// and prints the alerts. The rules are compiled once for all of them; everything
// that traffic changes is new for each capture.
//
// It writes JSON lines: first {"rules", "inactive"}, the number of active rules
// and the sids of the others, then for each capture {"pcap", "error", "alerts"}
// where alerts are EVE records.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

func main() {
	rules := flag.String("rules", "", "rules `file`")
	sets := flag.String("set", "stream.midstream=true", "settings, `key=value`, separated by spaces")
	flag.Parse()
	if err := run(*rules, strings.Fields(*sets), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "differential:", err)
		os.Exit(1)
	}
}

func run(rules string, sets []string, in io.Reader, w io.Writer) error {
	debug.SetGCPercent(400) // as inspect does
	cfg, rep, err := load(rules, sets)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	if err := enc.Encode(header(rep)); err != nil {
		return err
	}
	paths := bufio.NewScanner(in)
	for paths.Scan() {
		if err := enc.Encode(inspect(*cfg, paths.Text())); err != nil {
			return err
		}
	}
	return errors.Join(paths.Err(), out.Flush())
}

// load compiles the rules as inspect does, with the default variables.
func load(rules string, sets []string) (*sensor.Config, *detect.Report, error) {
	text, err := os.ReadFile(rules)
	if err != nil {
		return nil, nil, err
	}
	cfg, err := sensor.DefaultConfig(apps.FS)
	if err != nil {
		return nil, nil, err
	}
	st := sensor.NewSettings(cfg)
	for _, kv := range sets {
		key, value, _ := strings.Cut(kv, "=")
		if err := st.Set(key, value); err != nil {
			return nil, nil, err
		}
	}
	file, errs := rule.ParseFile(rules, text)
	if len(errs) > 0 {
		return nil, nil, errs
	}
	rs, rep := detect.Compile([]*rule.File{file}, cfg.DetectConfig(st.Vars))
	cfg.Rules = rs
	return cfg, rep, nil
}

type rulesLine struct {
	Rules    int      `json:"rules"`
	Inactive []uint32 `json:"inactive"`
}

func header(rep *detect.Report) rulesLine {
	h := rulesLine{Rules: rep.Active, Inactive: []uint32{}}
	for _, v := range rep.Verdicts {
		if v.State != detect.Active {
			h.Inactive = append(h.Inactive, v.SID)
		}
	}
	return h
}

type captureLine struct {
	PCAP   string            `json:"pcap"`
	Error  string            `json:"error,omitempty"`
	Alerts []json.RawMessage `json:"alerts"`
}

// inspect runs one capture through a fresh worker. A capture with a broken end
// is told of, and has the alerts of what came before it.
func inspect(cfg sensor.Config, path string) captureLine {
	cfg.Shared = detect.NewShared()
	got := captureLine{PCAP: path, Alerts: []json.RawMessage{}}
	w := sensor.NewWorker(&cfg, &got, nil)
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		got.Error = err.Error()
		return got
	}
	err = errors.Join(sensor.Play(context.Background(), w, src, nil), src.Close(), w.Finish())
	if err != nil {
		got.Error = err.Error()
	}
	return got
}

// Write implements sensor.Output: it keeps a copy of the alerts.
func (c *captureLine) Write(lines []byte) (int, error) {
	for line := range bytes.Lines(lines) {
		if bytes.Contains(line, []byte(`"event_type":"alert"`)) {
			c.Alerts = append(c.Alerts, bytes.Clone(line))
		}
	}
	return len(lines), nil
}
