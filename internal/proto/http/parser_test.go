package http

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/proto"
)

func TestUpgrade(t *testing.T) {
	for _, c := range []struct{ name, request, response, want string }{
		{"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "?"},
		{"refused", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", ""},
		{"h2c", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: h2c\r\n\r\n", "http2"},
		{"websocket", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "HTTP/1.1 101 S\r\nUpgrade: WebSocket\r\n\r\n", "websocket"},
		{"declined", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n", "HTTP/1.1 200 S\r\nContent-Length: 0\r\n\r\n", ""},
		{"framed", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 101 S\r\nContent-Length: 2\r\n\r\nok", ""},
	} {
		p := newParser(nil, &pool{})
		p.Data(proto.ToServer, []byte(c.request))
		next := []byte("\x16\x03\x01tunnel")
		held := p.Data(proto.ToServer, next)
		pr := p.Data(proto.ToClient, []byte(c.response+"rest"))
		if pr.Upgrade != c.want {
			t.Errorf("%s: upgrade %q, want %q", c.name, pr.Upgrade, c.want)
		}
		if c.want != "" && (held.Used != 0 || held.Need <= len(next) || pr.Used != len(c.response)) {
			t.Errorf("%s: used %d, need %d; response used %d of %d", c.name, held.Used, held.Need, pr.Used, len(c.response))
		}
		if c.want != "" && !p.txs[0].Done {
			t.Errorf("%s: not done", c.name)
		}
	}
}

func TestGap(t *testing.T) {
	p := newParser(nil, &pool{})
	p.Data(proto.ToServer, []byte(get+get+get))
	p.Data(proto.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab"))
	if !p.Gap(proto.ToClient, 5) {
		t.Fatal("gave up inside a body")
	}
	p.Data(proto.ToClient, []byte("xyz"))
	f := p.txs[0].Files[0]
	if f.State != proto.FileTruncated || !f.Gaps || f.Size != 10 || !p.txs[0].Done {
		t.Errorf("file %v, gaps %v, size %d, done %v", f.State, f.Gaps, f.Size, p.txs[0].Done)
	}
	p.Data(proto.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Len"))
	p.Gap(proto.ToClient, 400)
	p.Data(proto.ToClient, []byte("lost HTTP/1.1 is no start\r\nbodyHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx"))
	if !p.txs[1].Done || Status(p.txs[2]) != 404 || !p.txs[2].Done {
		t.Errorf("second done %v, third status %d", p.txs[1].Done, Status(p.txs[2]))
	}
	p.Gap(proto.ToServer, 10)
	p.Data(proto.ToServer, []byte("half a line\r\nGET /late HTTP/1.1\r\nHost: a\r\n\r\n"))
	if got := string(Path(p.txs[len(p.txs)-1])); got != "/late" {
		t.Errorf("after the gap: %q", got)
	}
}

func TestOneSided(t *testing.T) {
	p := newParser(nil, &pool{})
	p.Data(proto.ToClient, []byte(reply("", "one")+reply("", "two")))
	p.Close(proto.ToServer)
	p.Close(proto.ToClient)
	for i, want := range []string{"one", "two"} {
		got, _ := p.txs[i].Buffer(bFileDataRes, 0)
		if string(got) != want || !p.txs[i].Done || !p.txs[i].Events.Has(evUnmatched) || p.txs[i].Only != proto.MaskClient {
			t.Errorf("response %d: %q, done %v", i, got, p.txs[i].Done)
		}
	}
	p.Reset()
	for i := range 200 {
		p.Data(proto.ToServer, fmt.Appendf(nil, "GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i))
		for len(p.txs) > 0 && p.txs[0].Done {
			p.Free(1)
		}
	}
	if len(p.txs) > maxUnanswered {
		t.Errorf("%d transactions wait for responses that never come", len(p.txs))
	}
}

// A flood of pipelined requests is held back, not lost.
func TestTooManyTransactions(t *testing.T) {
	const n = 3000
	in := []byte(strings.Repeat("GET / HTTP/1.1\nHost: a\n\n", n))
	p := newParser(nil, &pool{})
	p.Data(proto.ToClient, []byte("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
	seen := 0
	for calls := 0; len(in) > 0 && calls < n; calls++ {
		pr := p.Data(proto.ToServer, in)
		in = in[pr.Used:]
		if len(p.txs) > maxTx {
			t.Fatalf("%d live transactions", len(p.txs))
		}
		for len(p.txs) > 0 && p.txs[0].Done {
			p.Free(1)
			seen++
		}
	}
	if seen+len(p.txs) != n+1 {
		t.Errorf("%d of %d transactions", seen+len(p.txs), n+1)
	}
}

func TestBounds(t *testing.T) {
	long := strings.Repeat("a", maxHead)
	p := newParser(nil, &pool{})
	if pr := p.Data(proto.ToServer, []byte("GET / HTTP/1.1\r\nX: "+long)); !pr.Stop {
		t.Error("an endless header goes on")
	}
	if !p.txs[0].Events.Has(evReqTooLong) {
		t.Error("no event")
	}
	p = run(t, nil, "GET / HTTP/1.1\r\nHost: a\r\n"+strings.Repeat("x:\r\n", 2*maxHeaders)+"\r\n", "")
	if !p.txs[0].Events.Has(evReqRepetition) || len(p.txs[0].msg[0].headers) > maxRepetitions+2 {
		t.Errorf("%d headers", len(p.txs[0].msg[0].headers))
	}
	var sb strings.Builder
	for i := range 2 * maxHeaders {
		fmt.Fprintf(&sb, "x%d:\r\n", i)
	}
	p = run(t, nil, "GET / HTTP/1.1\r\nHost: a\r\n"+sb.String()+"\r\n", "")
	if !p.txs[0].Events.Has(evReqTooManyHeaders) || len(p.txs[0].msg[0].headers) != maxHeaders {
		t.Errorf("%d headers", len(p.txs[0].msg[0].headers))
	}
	body := strings.Repeat("b", 300<<10)
	p = run(t, &proto.Config{HTTPBodyLimit: 1000}, get, reply("", body))
	if b, ok := p.txs[0].Buffer(bResponseBody, 0); !ok || len(b) != 1000 || p.txs[0].Files[0].Size != 300<<10 {
		t.Errorf("body %d, file %d", len(b), p.txs[0].Files[0].Size)
	}
}

func TestBomb(t *testing.T) {
	bomb := pack("gzip", pack("gzip", strings.Repeat("\x00", 64<<20)))
	p := run(t, nil, get, reply("Content-Encoding: gzip, gzip\r\n", bomb))
	if !p.txs[0].Events.Has(evBomb) {
		t.Error("no event")
	}
	if n := p.txs[0].Files[0].Size; n > 8<<20 {
		t.Errorf("%d bytes came out of %d", n, len(bomb))
	}
}

func TestCodings(t *testing.T) {
	for _, c := range []struct {
		header, body string
		depth        int
		want         string
		events       []string
	}{
		{"gzip", pack("gzip", text), 2, text, nil},
		{"x-gzip", pack("gzip", text), 2, text, nil},
		{"gzip", pack("gzip", text)[:50], 2, "", nil},
		{"gzip, identity", pack("gzip", text), 2, text, nil},
		{"deflate, gzip", pack("gzip", text), 2, text, []string{"GZIP_DECOMPRESSION_FAILED"}},
		{"gzip, deflate", pack("gzip", text), 2, text, []string{"GZIP_DECOMPRESSION_FAILED"}},
		{"deflate", text, 2, text, []string{"GZIP_DECOMPRESSION_FAILED"}},
		{"gz\x00ip", pack("gzip", text), 2, text, nil},
		{"gzip, br", pack("br", pack("gzip", text)), 2, text, nil},
		{"gzip,gzip", pack("gzip", pack("gzip", text)), 1, "", []string{"TOO_MANY_ENCODING_LAYERS"}},
		{"rot13", text, 2, text, []string{"ABNORMAL_CE_HEADER"}},
		{"lzma", text, 2, text, []string{"LZMA_DECOMPRESSION_DISABLED"}},
		{"identity", text, 2, text, nil},
	} {
		p := run(t, &proto.Config{HTTPDecompressDepth: c.depth}, get, reply("Content-Encoding: "+c.header+"\r\n", c.body))
		got, _ := p.txs[0].Buffer(bResponseBody, 0)
		if c.want != "" && string(got) != c.want {
			t.Errorf("%q: got %q", c.header, got)
		}
		if c.want == "" && len(got) == 0 {
			t.Errorf("%q: nothing came out", c.header)
		}
		if d := cmp.Diff(c.events, names(p.txs[0].Base())); d != "" {
			t.Errorf("%q events (-want +got):\n%s", c.header, d)
		}
	}
}

// Whatever a body claims to be, cuts don't change what comes out of it.
func TestCodingCuts(t *testing.T) {
	for _, body := range []string{text, pack("gzip", text), pack("deflate", text), pack("zlib", text), strings.Repeat("{\"a\":1}", 300)} {
		for _, coding := range []string{"gzip", "deflate", "deflate, gzip, deflate"} {
			in := []byte(reply("Content-Encoding: "+coding+"\r\n", body))
			whole := run(t, &proto.Config{HTTPDecompressDepth: 3}, get, string(in))
			want, _ := whole.txs[0].Buffer(bResponseBody, 0)
			for _, n := range []int{1, 2, 3, 7, 1460} {
				p := newParser(&proto.Config{HTTPDecompressDepth: 3}, &pool{})
				p.Data(proto.ToServer, []byte(get))
				for i := 0; i < len(in); i += n {
					p.Data(proto.ToClient, in[i:min(len(in), i+n)])
				}
				if got, _ := p.txs[0].Buffer(bResponseBody, 0); !bytes.Equal(got, want) {
					t.Errorf("%s cut %d: %q, want %q", coding, n, got[:min(40, len(got))], want[:min(40, len(want))])
				}
			}
		}
	}
}

func TestNoAllocations(t *testing.T) {
	p := newParser(nil, &pool{})
	request, response := []byte(get), []byte(reply("Content-Type: text/plain\r\n", text))
	coded := []byte(reply("Content-Encoding: gzip\r\n", pack("gzip", text)))
	eve := make([]byte, 0, 4096)
	once := func() {
		for _, r := range [2][]byte{response, coded} {
			p.Data(proto.ToServer, request)
			p.Data(proto.ToClient, r)
			tx := p.Txs()[0]
			for id := range numBuffers {
				tx.Buffer(id, 0)
			}
			eve = appendEVE(eve[:0], tx, proto.LogTx)
			p.Free(1)
		}
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// With one-byte pieces the parser takes each byte at once: nothing is offered to
// it twice.
func TestLinear(t *testing.T) {
	for _, server := range []string{
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 20000) + "\r\nTransfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("z", 20000) + "\r\nabcde\r\n0\r\n\r\n",
		strings.Repeat("junk\r\n", 5000) + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		strings.Repeat("\r", 20000) + "\n\n",
	} {
		p := newParser(nil, &pool{})
		p.Data(proto.ToServer, []byte(get))
		offered := 0
		var rest []byte
		for i := range len(server) {
			rest = append(rest, server[i])
			offered += len(rest)
			pr := p.Data(proto.ToClient, rest)
			rest = rest[:copy(rest, rest[pr.Used:])]
			if pr.Stop {
				break
			}
		}
		if offered > 2*len(server) {
			t.Errorf("%.20q: %d bytes offered of %d", server, offered, len(server))
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	p := newParser(nil, &pool{})
	request, response := []byte(get), []byte(reply("Content-Type: text/plain\r\n", strings.Repeat(text, 100)))
	b.SetBytes(int64(len(request) + len(response)))
	b.ReportAllocs()
	for b.Loop() {
		p.Data(proto.ToServer, request)
		p.Data(proto.ToClient, response)
		p.Free(1)
	}
}

func TestRangesJoined(t *testing.T) {
	p := newParser(nil, &pool{})
	piece := func(start, end int, s string) *tx {
		p.Data(proto.ToServer, []byte(get))
		p.Data(proto.ToClient, fmt.Appendf(nil, "HTTP/1.1 206 P\r\nContent-Range: bytes %d-%d/9\r\nContent-Length: %d\r\n\r\n%s", start, end, len(s), s))
		return p.txs[len(p.txs)-1]
	}
	if n := len(piece(0, 3, "abcd").Files); n != 1 {
		t.Fatalf("first piece: %d files", n)
	}
	if n := len(piece(6, 8, "xyz").Files); n != 1 {
		t.Fatalf("a piece out of order: %d files", n)
	}
	last := piece(4, 8, "efghi")
	if len(last.Files) != 2 {
		t.Fatalf("last piece: %d files", len(last.Files))
	}
	whole := run(t, nil, get, reply("", "abcdefghi")).txs[0].Files[0]
	if f := last.Files[1]; f.Size != 9 || f.SHA256 != whole.SHA256 || f.Ranged || f.State != proto.FileClosed {
		t.Errorf("joined: size %d, state %v", f.Size, f.State)
	}
}

// Many unanswered uploads keep no more than a flow may.
func TestKeptBodies(t *testing.T) {
	p := newParser(&proto.Config{HTTPBodyLimit: 1000}, &pool{})
	p.heard = true
	post := []byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + strings.Repeat("b", 1000))
	for range 100 {
		p.Data(proto.ToServer, post)
	}
	kept := 0
	for _, x := range p.txs {
		kept += len(x.msg[0].body.data)
	}
	if kept != maxKept*1000 || kept != p.kept {
		t.Errorf("%d bytes kept, %d counted", kept, p.kept)
	}
	if p.Reset(); p.kept != 0 {
		t.Errorf("%d bytes counted after Reset", p.kept)
	}
}

// TestGapInUpload: a hole in a form is a hole in the file that it hit, and the
// parts behind it are found.
func TestGapInUpload(t *testing.T) {
	p := newParser(nil, &pool{})
	f := form()
	at := strings.Index(f, text) + 10
	p.Data(proto.ToServer, []byte(f[:at]))
	if !p.Gap(proto.ToServer, 20) {
		t.Fatal("gave up inside a body")
	}
	p.Data(proto.ToServer, []byte(f[at+20:]))
	p.Close(proto.ToServer)
	files := p.txs[0].Files
	if len(files) != 2 {
		t.Fatalf("%d files, want 2", len(files))
	}
	if a := files[0]; !a.Gaps || a.State != proto.FileTruncated || a.Size != uint64(len(text)+len("\r\n--boundless\r\n--boun")) {
		t.Errorf("first: gaps %v, %v, size %d", a.Gaps, a.State, a.Size)
	}
	if b := files[1]; b.Gaps || b.State != proto.FileClosed || string(b.Head) != "second" {
		t.Errorf("second: gaps %v, %v, %q", b.Gaps, b.State, b.Head)
	}
}

// TestResumeLongLine: the start line behind a hole may be longer than what is
// copied at a time.
func TestResumeLongLine(t *testing.T) {
	p := newParser(nil, &pool{})
	p.Data(proto.ToServer, []byte(get))
	p.Gap(proto.ToServer, 10)
	path := "/" + strings.Repeat("a", headBlock+100)
	p.Data(proto.ToServer, []byte("torn\r\nGET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"))
	if got := string(Path(p.txs[len(p.txs)-1])); got != path {
		t.Errorf("path of %d bytes, want %d", len(got), len(path))
	}
}

// TestLateResponses: the responses to requests that were given up before they
// came are not taken for those of later ones, nor make a second record.
func TestLateResponses(t *testing.T) {
	const n = 100
	p := newParser(nil, &pool{})
	var gets, replies string
	for i := range n {
		gets += fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i)
		replies += reply("", fmt.Sprint(i))
	}
	p.Data(proto.ToServer, []byte(gets))
	p.Data(proto.ToClient, []byte(replies))
	p.Close(proto.ToServer)
	p.Close(proto.ToClient)
	paired, records := 0, 0
	for _, x := range p.txs {
		if x.LogReady != 0 {
			records++
		}
		body, _ := x.Buffer(bFileDataRes, 0)
		if path := string(Path(x)); x.Only == 0 && path != "/"+string(body) {
			t.Errorf("%s was answered %s", path, body)
		} else if x.Only == 0 {
			paired++
		}
		if !x.Done || x.Events.Has(evUnmatched) {
			t.Errorf("transaction %d: done %v, events %v", x.ID, x.Done, x.Events)
		}
	}
	if records != n || paired != maxUnanswered {
		t.Errorf("%d records and %d pairs, want %d and %d", records, paired, n, maxUnanswered)
	}
}
