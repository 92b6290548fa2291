package traffic

import (
	"fmt"
	"net/netip"
	"time"
)

// benignWeb is what goes over HTTP and TLS.
func benignWeb() []Scenario {
	return []Scenario{
		{"shop-https", "Visitors of the web shop over TLS", Benign, shopHTTPS, 12},
		{"shop-http", "Visitors that come over plain HTTP", Benign, shopHTTP, 6},
		{"shop-ipv6", "A visitor over IPv6", Benign, shopIPv6, 2},
		{"health-checks", "Load balancer health checks", Benign, healthChecks, 10},
		{"rest-api", "A web server calls the order service", Benign, restAPI, 10},
		{"search", "The order service searches Elasticsearch", Benign, search, 4},
		{"scrape", "Prometheus collects metrics", Benign, scrape, 4},
		{"aws-api", "An instance calls AWS services", Benign, awsAPI, 10},
		{"saas", "Servers call SaaS providers", Benign, saas, 8},
		{"apt-update", "A server updates its Debian packages", Benign, aptUpdate, 2},
		{"packages", "A build fetches from PyPI, npm, GitHub and Docker Hub", Benign, packages, 4},
		{"http3", "The administrator's browser speaks HTTP/3", Benign, http3, 4},
		{"grpc", "Services call each other over gRPC", Benign, grpc, 5},
		{"browsing", "An administrator's desktop browses", Benign, browsing, 4},
	}
}

func shopHTTPS(s *Scene) {
	names := []string{"shop.example.com", "www.example.com", "api.example.com", "static.example.com"}
	from := s.visitor()
	for range 1 + s.rng.IntN(3) {
		c := s.TCP(s.client(from), at(s.balancer(), 443))
		c.TLS(session{
			sni: pick(s, names...), alpn: []string{"h2", "http/1.1"}, client: browser(),
			version: pick[uint16](s, tls13, tls13, tls12),
			up:      []int{420, 380, 390}, down: []int{2000 + s.rng.IntN(30000), 900, 15000},
		})
		c.Close()
	}
}

func shopHTTP(s *Scene) {
	from := s.visitor()
	agent := pick(s, uaChrome, uaSafari)
	c := s.TCP(s.client(from), at(s.web(), 80))
	lang := "Accept-Language: en-GB,en;q=0.9"
	c.exchange(
		request{path: "/", host: "shop.example.com", agent: agent, headers: []string{"Accept: text/html", lang, "Accept-Encoding: gzip"}},
		response{status: "200 OK", ctype: "text/html; charset=utf-8", body: page("The shop", 9000), gzip: true, chunked: true})
	c.exchange(
		request{path: "/img/logo.png", host: "shop.example.com", agent: agent, headers: []string{"Accept: image/*", "Referer: http://shop.example.com/"}},
		response{status: "200 OK", ctype: "image/png", body: s.picture(4000)})
	c.exchange(
		request{path: fmt.Sprintf("/search?q=garden+chair&page=%d", 1+s.rng.IntN(9)), host: "shop.example.com", agent: agent, headers: []string{"Accept: text/html", lang}},
		response{status: "200 OK", ctype: "text/html; charset=utf-8", body: page("Search", 5000)})
	c.exchange(
		request{method: "POST", path: "/cart", host: "shop.example.com", agent: agent,
			headers: []string{"Content-Type: application/x-www-form-urlencoded", "Cookie: sid=" + s.letters(24, alnum)},
			body:    []byte("item=4711&count=2")},
		response{status: "303 See Other", headers: []string{"Location: /cart"}})
	c.Close()
}

func shopIPv6(s *Scene) {
	from := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, 0x77, 15: byte(1 + s.rng.IntN(200))})
	to := hostIPv6()
	s.Ping(from, to, 1)
	c := s.TCP(s.client(from), at(to, 80))
	c.exchange(request{path: "/", host: "shop.example.com", agent: uaSafari},
		response{status: "200 OK", ctype: "text/html; charset=utf-8", body: page("The shop", 6000)})
	c.Close()
}

func healthChecks(s *Scene) {
	for _, node := range []int{20, 21} {
		to := s.web()
		c := s.TCP(s.client(host(0, node)), at(to, 80))
		c.exchange(
			request{path: "/healthz", host: to.String(), agent: "ELB-HealthChecker/2.0", headers: []string{"Connection: close", "Accept-Encoding: gzip, compressed"}},
			response{status: "200 OK", ctype: "text/plain", body: []byte("ok\n"), headers: []string{"Connection: close"}})
		c.CloseServer()
	}
}

func restAPI(s *Scene) {
	c := s.TCP(s.client(s.web()), at(s.app(), 8080))
	const name, agent = "orders.internal", "Go-http-client/1.1"
	id := s.rng.IntN(100000)
	c.exchange(request{path: fmt.Sprintf("/v1/orders/%d", id), host: name, agent: agent, headers: []string{"Accept: application/json"}},
		response{status: "200 OK", ctype: "application/json", chunked: true,
			body: fmt.Appendf(nil, `{"id":%d,"state":"paid","lines":[{"item":4711,"count":2,"price":"19.90"}]}`, id)})
	c.exchange(
		request{method: "POST", path: "/v1/orders", host: name, agent: agent, headers: []string{"Content-Type: application/json"},
			body: fmt.Appendf(nil, `{"customer":%d,"lines":[{"item":%d,"count":1}]}`, s.rng.IntN(9999), s.rng.IntN(9999))},
		response{status: "201 Created", ctype: "application/json", body: fmt.Appendf(nil, `{"id":%d}`, id+1)})
	c.Close()
}

func search(s *Scene) {
	c := s.TCP(s.client(s.app()), at(host(3, 41), 9200))
	c.exchange(
		request{method: "POST", path: "/products/_search", host: "search.internal:9200", agent: "elasticsearch-py/8.15.1 (Python/3.12.7)",
			headers: []string{"Content-Type: application/json"}, body: []byte(`{"query":{"match":{"title":"garden chair"}},"size":20}`)},
		response{status: "200 OK", ctype: "application/json", headers: []string{"X-elastic-product: Elasticsearch"},
			body: []byte(`{"took":3,"timed_out":false,"hits":{"total":{"value":2,"relation":"eq"},"hits":[{"_id":"1"},{"_id":"2"}]}}`)})
	c.Close()
}

func scrape(s *Scene) {
	to := s.app()
	c := s.TCP(s.client(monitor()), at(to, 9100))
	body := "# TYPE node_load1 gauge\nnode_load1 0.42\n# TYPE node_cpu_seconds_total counter\n"
	for i := range 60 {
		body += fmt.Sprintf("node_cpu_seconds_total{cpu=\"%d\",mode=\"idle\"} %d\n", i, s.rng.IntN(1e6))
	}
	c.exchange(request{path: "/metrics", host: to.String() + ":9100", agent: "Prometheus/2.55.1", headers: []string{"Accept: text/plain;version=0.0.4", "Accept-Encoding: gzip"}},
		response{status: "200 OK", ctype: "text/plain; version=0.0.4", body: []byte(body), gzip: true})
	c.Close()
}

// visit resolves a site and speaks TLS with it.
func (s *Scene) visit(from netip.Addr, name string, p profile, up, down []int) {
	to := s.resolve(from, name)
	c := s.TCP(s.client(from), at(to, 443))
	alpn := []string{"http/1.1"}
	if len(p.ciphers) == len(browser().ciphers) {
		alpn = []string{"h2", "http/1.1"}
	}
	c.TLS(session{sni: name, alpn: alpn, client: p, version: pick[uint16](s, tls13, tls13, tls12), up: up, down: down})
	c.Close()
}

func awsAPI(s *Scene) {
	from := s.app()
	for range 2 {
		name := pick(s, "s3.eu-central-1.amazonaws.com", "sts.eu-central-1.amazonaws.com", "ec2.eu-central-1.amazonaws.com",
			"sqs.eu-central-1.amazonaws.com", "ssm.eu-central-1.amazonaws.com", "logs.eu-central-1.amazonaws.com",
			"dynamodb.eu-central-1.amazonaws.com", "kms.eu-central-1.amazonaws.com", "secretsmanager.eu-central-1.amazonaws.com",
			"shop-assets.s3.eu-central-1.amazonaws.com")
		s.visit(from, name, library(), []int{600 + s.rng.IntN(2000)}, []int{400 + s.rng.IntN(6000)})
	}
}

func saas(s *Scene) {
	name := pick(s, "api.stripe.com", "hooks.slack.com", "api.datadoghq.com", "example.okta.com",
		"login.microsoftonline.com", "graph.microsoft.com", "oauth2.googleapis.com", "api.twilio.com", "ingest.sentry.io")
	s.visit(s.app(), name, library(), []int{900}, []int{700 + s.rng.IntN(1500)})
}

func aptUpdate(s *Scene) {
	from := s.web()
	to := s.resolve(from, "deb.debian.org")
	c := s.TCP(s.client(from), at(to, 80))
	const agent = "Debian APT-HTTP/1.3 (2.6.1)"
	release := "Origin: Debian\nLabel: Debian\nSuite: stable\nCodename: trixie\nDate: Sat, 21 Nov 2026 09:12:11 UTC\n"
	c.exchange(request{path: "/debian/dists/trixie/InRelease", host: "deb.debian.org", agent: agent, headers: []string{"Accept: text/*", "Cache-Control: max-age=0"}},
		response{status: "200 OK", server: "Apache", body: []byte(release)})
	c.exchange(request{path: "/debian/pool/main/o/openssl/libssl3t64_3.5.1-1_amd64.deb", host: "deb.debian.org", agent: agent},
		response{status: "200 OK", server: "Apache", ctype: "application/vnd.debian.binary-package",
			body: append([]byte("!<arch>\ndebian-binary   1700000000  0     0     100644  4         `\n2.0\n"), s.bytes(30000)...)})
	c.Close()
}

func packages(s *Scene) {
	from := host(2, 40)
	for _, name := range []string{"pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "github.com", "registry-1.docker.io", "proxy.golang.org"} {
		s.visit(from, name, library(), []int{500}, []int{3000 + s.rng.IntN(20000)})
		s.waitAbout(200 * time.Millisecond)
	}
}

func browsing(s *Scene) {
	name := pick(s, "www.wikipedia.org", "www.google.com", "stackoverflow.com", "www.youtube.com", "outlook.office.com", "docs.aws.amazon.com")
	s.visit(host(5, 15), name, browser(), []int{450, 300}, []int{12000, 6000})
}
