package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCleanStart: a capture has the alerts that it would have alone, whatever
// was read before it; a rule that is counted by threshold shows it.
func TestCleanStart(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "a.rules")
	text := `alert tcp any any -> any any (msg:"first"; flags:S; threshold:type limit, track by_src, count 1, seconds 3600; sid:1;)
alert smtp any any -> any any (msg:"no parser"; content:"x"; sid:2;)
`
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("..", "..", "internal", "sensor", "testdata", "http.pcap")
	var out bytes.Buffer
	in := strings.NewReader(strings.Repeat(path+"\n", 2) + "absent.pcap\n")
	if err := run(rules, []string{"stream.midstream=true"}, in, &out); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&out)
	var head rulesLine
	if err := dec.Decode(&head); err != nil || head.Rules != 1 || fmt.Sprint(head.Inactive) != "[2]" {
		t.Fatalf("%+v, %v", head, err)
	}
	for _, want := range []int{1, 1, 0} {
		var got captureLine
		if err := dec.Decode(&got); err != nil || len(got.Alerts) != want || (got.Error != "") != (want == 0) {
			t.Errorf("%d alerts of %s, %q, want %d: %v", len(got.Alerts), got.PCAP, got.Error, want, err)
		}
	}
}
