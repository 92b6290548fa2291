package nats

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// TestKill stops a random node of three under load, again and again
// (MIRRORWALL_KILLS times): every record is read once, in order.
func TestKill(t *testing.T) {
	kills := 2
	if n, err := strconv.Atoi(os.Getenv("MIRRORWALL_KILLS")); err == nil {
		kills = n
	}
	var ports [6]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	var routes []*url.URL
	var urls []string
	var dirs [3]string
	for i := range 3 {
		routes = append(routes, &url.URL{Scheme: "nats", Host: fmt.Sprintf("127.0.0.1:%d", ports[3+i])})
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", ports[i]))
		dirs[i] = t.TempDir()
	}
	var nodes [3]*server.Server
	run := func(i int) {
		nodes[i] = start(t, &server.Options{ServerName: fmt.Sprint("n", i), Port: ports[i], StoreDir: dirs[i], Routes: routes,
			Cluster: server.ClusterOpts{Name: "c", Host: "127.0.0.1", Port: ports[3+i]}})
	}
	for i := range nodes {
		run(i)
	}
	opt := quick(urls...)
	opt.Replicas = 3
	c := ready(t, opt)
	s := spool(t, t.TempDir(), "s1")
	forward(t, c, s)
	var src *Source
	until(t, func() (err error) { src, err = c.Source(t.Context(), "r"); return err })
	next := 0
	for k := range kills {
		victim := rand.N(3)
		for i := range 200 {
			if err := s.Append([]byte(strconv.Itoa(k*200 + i))); err != nil {
				t.Fatal(err)
			}
			if i == 100 {
				nodes[victim].Shutdown()
			}
		}
		for next < (k+1)*200 {
			b, err := src.Next(t.Context())
			if err != nil || string(b.Records[0]) != strconv.Itoa(next) {
				t.Fatalf("kill %d: got %s, %v, want %d", k, b.Records, err, next)
			}
			next++
			if next%50 == 0 {
				if err := src.Ack(b.End); err != nil {
					t.Fatal(err)
				}
			}
		}
		nodes[victim].WaitForShutdown()
		run(victim)
	}
}
