package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

const thresholdFilesHint = "name files with lines such as suppress gen_id 1, sig_id 2001 (Suricata's threshold.config)"

// thresholdFiles expands the patterns of the configuration.
func thresholdFiles(patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil || len(names) == 0 {
			return nil, fail(fmt.Errorf("rules: thresholds: no file matches %s", p), thresholdFilesHint)
		}
		out = append(out, names...)
	}
	return out, nil
}

// readThresholds reads threshold files.
func readThresholds(paths []string) ([]detect.ThresholdFile, error) {
	var out []detect.ThresholdFile
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return nil, fail(fmt.Errorf("thresholds: %w", err), thresholdFilesHint)
		}
		out = append(out, detect.ThresholdFile{Name: p, Text: text})
	}
	return out, nil
}

// leftOut is the failure of --strict over threshold files; nil when there is
// none.
func leftOut(bad []*rule.Error) error {
	if len(bad) == 0 {
		return nil
	}
	return &failure{err: fmt.Errorf("%s of threshold files left out", counted(uint64(len(bad)), "line")), code: exitFailed}
}

// strict is the failure of --strict over lines of files beside the rules; nil
// when none was left out.
func (r *ruleReport) strict() error {
	if err := leftOut(r.thresholds); err != nil || r.reputationLines == 0 {
		return err
	}
	return &failure{err: fmt.Errorf("%s of reputation lists left out", counted(uint64(r.reputationLines), "line")), code: exitFailed}
}

// printThresholds tells of the lines of threshold files that were left out, at
// most most.
func printThresholds(w io.Writer, bad []*rule.Error, most int) {
	for i, e := range bad {
		if i == most {
			fmt.Fprintf(w, "and %d more lines of threshold files left out\n", len(bad)-most)
			return
		}
		fmt.Fprintln(w, e.Detail())
	}
}
