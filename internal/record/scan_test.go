package record

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// FuzzScan: what the scanner reads encoding/json reads alike.
func FuzzScan(f *testing.F) {
	for _, s := range scanSeeds() {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) { compareScan(t, line) })
}

func scanSeeds() []string {
	return []string{
		`{"timestamp":"2026-03-01T10:00:00.000001+0000","flow_id":5,"event_type":"flow","src_ip":"10.0.0.1","src_port":1,"dest_ip":"2001:db8::1","dest_port":65535,"proto":"TCP","flow":{"age":1,"start":"x","pkts_toserver":1844674407370955161},"mirrorwall":{"app":"ssl","vni":7,"flags":["a","b"],"app_reason":"x","zone_to":"z"}}` + "\n",
		`{"event_type":"alert","alert":{"signature_id":7,"severity":2,"signature":"a\"b\u0041\ud83d\ude00","metadata":{"mitre_technique_id":["T1"],"x":[]}},"direction":"to_server","x":{"A":[1,2.5e3,-1,true,null,{"k":"v"}]}}`,
		`{"event_type":"dns","dns":{"queries":[{"rrname":"a","rrtype":"A"},{"rrname":"b"}]},"tls":{"sni":"s"},"http":{"status":200,"url":"/"},"fileinfo":{"magic":"x"},"anomaly":{"type":"t","event":"e"}}`,
		`{"Event_type":"x"}`, `{"flow_id":1,"flow_id":2}`, `{"flow_id":1.0}`, `{"flow_id":01}`, `{"src_port":65536}`, `{"src_ip":null}`, `{"src_ip":""}`, `{"a":tru}`, `{"a":"\x"}`, "{\"a\":\"\x01\"}", `{} {}`, `[]`, `{"a":[1,]}`, `{"a" "b"}`, `{"a":{"b":1,}}`, `{"a":{1:2}}`, `{"dns":{"queries":[{}],"queries":[]}}`, "{\"a\":\"\xff\"}",
	}
}

func compareScan(t *testing.T, line []byte) (read bool) {
	t.Helper()
	var got, want wire
	if !scanEVE(line, &got) {
		return false
	}
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatalf("%q is read, but: %v", line, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q:\n got %+v\nwant %+v", line, got, want)
	}
	if a, err := scanTime(got.Timestamp); err == nil {
		if b, err := time.Parse(eveTime, got.Timestamp); err != nil || !a.Equal(b) {
			t.Fatalf("%q: %v, want %v, %v", got.Timestamp, a, b, err)
		}
	}
	return true
}

func TestScan(t *testing.T) {
	for i, s := range scanSeeds() {
		if read := compareScan(t, []byte(s)); read != (i < 3) && s != `{"flow_id":1,"flow_id":2}` {
			t.Errorf("%s: read is %v", s, read)
		}
	}
	for _, v := range []string{"2026-02-30T10:00:00.000001+0000", "2026-02-28T24:00:00.000001+0000", "2026-13-01T00:00:00.000001+0000", "2026-01-00T00:00:00.000001+0000"} {
		if at, err := scanTime(v); err == nil {
			t.Errorf("%s is %v", v, at)
		}
	}
}

func BenchmarkBorrowEVE(b *testing.B) {
	line := []byte(scanSeeds()[0])
	var e Entry
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if err := BorrowEVE(line, &e); err != nil {
			b.Fatal(err)
		}
	}
}
