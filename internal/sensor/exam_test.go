package sensor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mirrorwall/mirrorwall/internal/appid"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/record/recordtest"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// examCase is what this test needs of a case of the exam.
type examCase struct {
	PCAP  string   `json:"pcap"`
	Rules string   `json:"rules"`
	Set   []string `json:"set"`
}

// TestExamLines inspects every capture of the exam, each with the rules of its
// cases, and holds every EVE line against the schema.
func TestExamLines(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the captures of the exam take a while")
	}
	s := recordtest.Load(t)
	if !s.Full() {
		t.Skip("the captures of the exam are not here")
	}
	exam := recordtest.Exam(t)
	files, err := filepath.Glob(filepath.Join(exam, "*", "pcaps", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no captures in %s: %v", exam, err)
	}
	rules := examRules(t, exam)
	apps := bundled(t).Catalogue
	lines := 0
	for _, path := range files {
		eve := inspectExam(t, path, rules[filepath.Base(path)], apps)
		before := t.Failed()
		lines += s.CheckLines(t, eve)
		if t.Failed() && !before {
			t.Errorf("first bad capture: %s", path)
		}
	}
	t.Logf("%d captures, %d lines", len(files), lines)
}

// examRules joins the rule files that the cases name, by capture.
func examRules(t *testing.T, exam string) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(exam, "suricata", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []examCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, c := range cases {
		if c.Rules == "" || c.Rules == "none" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(exam, "suricata", "rules", filepath.Base(c.Rules)))
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(c.PCAP)
		out[name] = append(append(out[name], b...), '\n')
	}
	return out
}

func inspectExam(t *testing.T, path string, rules []byte, apps *appid.Catalogue) []byte {
	t.Helper()
	cfg := config(t, rules, "outputs.anomaly.decode=true", "outputs.anomaly.stream=true", "file.all-hashes=true")
	cfg.Catalogue, cfg.FlowInterval = apps, 10e9
	var out bytes.Buffer
	w := sensor.NewWorker(cfg, &out, nil)
	src, err := pcapfile.Open(path, pcapfile.Options{})
	if err != nil {
		t.Logf("%s: %v", path, err)
		return nil
	}
	if err := sensor.Play(context.Background(), w, src, nil); err != nil {
		t.Logf("%s: %v", path, err)
	}
	if err := errors.Join(w.Finish(), src.Close()); err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return out.Bytes()
}
