package console

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/bus"
	"github.com/mirrorwall/mirrorwall/internal/capture"
	"github.com/mirrorwall/mirrorwall/internal/capture/pcapfile"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/evidence"
	"github.com/mirrorwall/mirrorwall/internal/packet"
	"github.com/mirrorwall/mirrorwall/internal/record"
	"github.com/mirrorwall/mirrorwall/internal/store"
	"github.com/mirrorwall/mirrorwall/internal/store/storetest"
)

// TestExportPackets: the packets of the threats that match come as one file that
// our own reader reads; each capture once, and what is gone or of another link
// type is counted.
func TestExportPackets(t *testing.T) {
	f := newFixture(t).setup()
	dir := filepath.Join(t.TempDir(), "evidence")
	ev, err := evidence.OpenStore(dir, evidence.StoreOptions{Wait: true})
	if err != nil {
		t.Fatal(err)
	}
	day := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC).UnixNano()
	var lines [][]byte
	threat := func(id evidence.ID, severity int) {
		lines = append(lines, fmt.Appendf(nil, `{"timestamp":"2026-03-01T10:00:0%d.000000+0000","event_type":"alert","src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP",`+
			`"alert":{"action":"allowed","gid":1,"signature_id":1,"rev":1,"signature":"x","category":"","severity":%d},"mirrorwall":{"pcap_id":"%s"}}`, len(lines), severity, id))
	}
	for n := 1; n <= 5; n++ {
		id := evidence.ID{Time: day, Flow: 7, N: n}
		link := packet.LinkEthernet
		if n == 4 {
			link = packet.LinkRaw
		}
		if n != 3 { // 3 has expired
			ev.Put(&evidence.Capture{ID: id, Frames: []evidence.Frame{
				{Time: day, WireLen: 60, Link: link, Data: []byte(fmt.Sprintf("packet %d of a flow", n))}, {Time: day + 1, WireLen: 60, Link: link, Data: make([]byte, 60)},
			}})
		}
		severity := 1
		if n == 5 {
			severity = 3
		}
		threat(id, severity)
	}
	threat(evidence.ID{Time: day, Flow: 7, N: 1}, 1) // one capture, two threats
	lines = append(lines, []byte(strings.Replace(string(lines[0]), `"mirrorwall":{"pcap_id":"2026030110-7-1"}`, `"mirrorwall":{}`, 1)))
	if err := ev.Close(); err != nil {
		t.Fatal(err)
	}
	mem := storetest.NewMemory(nil)
	block := store.Block{Origin: bus.Origin{Sensor: "s", Spool: "x", Start: bus.Position{Segment: 1}}}
	for _, line := range lines {
		e, err := record.ParseEVE(line)
		if err != nil {
			t.Fatal(err)
		}
		block.Entries = append(block.Entries, e)
	}
	if _, err := mem.Append(t.Context(), []store.Block{block}); err != nil {
		t.Fatal(err)
	}
	if f.s, err = New(Deps{Access: f.acc, Store: mem, Evidence: evidence.NewReader(dir)}); err != nil {
		t.Fatal(err)
	}
	f.h = f.s.Handler()
	c := f.login(access.Analyst)
	w := f.do(200, c, "GET /api/v1/evidence?filter=(severity+geq+high)", "")
	if got := w.Result().Trailer; got.Get(trailerCaptures) != "2" || got.Get(trailerMissing) != "2" {
		t.Errorf("trailers %v", got)
	}
	file := filepath.Join(t.TempDir(), "threats.pcap")
	if err := os.WriteFile(file, w.Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := pcapfile.Open(file, pcapfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	var b capture.Batch
	var got []string
	for src.ReadBatch(t.Context(), &b) == nil {
		for i := range b.Frames {
			if text := string(b.Frames[i].Data); strings.HasPrefix(text, "packet") {
				got = append(got, text)
			}
		}
	}
	// The newest threat first.
	if fmt.Sprint(got) != "[packet 1 of a flow packet 2 of a flow]" {
		t.Errorf("packets %q", got)
	}
	f.do(422, c, "GET /api/v1/evidence?log=traffic", "")
	f.do(http.StatusForbidden, f.login(access.Auditor), "GET /api/v1/evidence", "")
}
