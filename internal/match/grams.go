package match

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Traffic estimates how often byte strings occur in traffic: pairs are counted
// in a sample, and a longer string is as frequent as the chain of its pairs.
// Case is blurred as in a Set's filter. It is immutable, a quarter of a
// megabyte, and needed for building only: one serves many sets.
type Traffic struct {
	pairs  []uint32 // [first<<8 | second]
	single [256]uint32
	quads  map[uint32]uint32
}

// NewTraffic counts in samples, and in text that is typical of the web.
func NewTraffic(samples ...[]byte) *Traffic {
	t := &Traffic{pairs: make([]uint32, 1<<16), quads: map[uint32]uint32{}}
	// Zero and 0xff runs are the padding of binary protocols; blanks are the
	// padding of text.
	for _, c := range []int{0, 0x20, 0xff} {
		t.pairs[c<<8|c] += 400
		t.single[c] += 400
	}
	t.count([]byte(typicalText))
	for _, s := range samples {
		t.count(s)
	}
	return t
}

// count adds the sample's strings.
func (t *Traffic) count(sample []byte) {
	var quad uint32
	for i, c := range sample {
		c = blur(c)
		t.single[c]++
		if i > 0 {
			t.pairs[int(blur(sample[i-1]))<<8|int(c)]++
		}
		quad = quad<<8 | uint32(c)
		if i >= 3 {
			t.quads[quad]++
		}
	}
}

// frequency is proportional to the expected number of q in traffic: the
// chain of pairs, plus the times q itself was counted.
func (t *Traffic) frequency(q []byte) float64 {
	f := float64(t.single[blur(q[0])]) + 1
	for i := 1; i < len(q); i++ {
		c, before := blur(q[i]), blur(q[i-1])
		// Two letters never seen together still are likelier than two odd
		// bytes; the smoothing keeps their own frequencies in play.
		pair := float64(t.pairs[int(before)<<8|int(c)]) + 4*float64(t.single[c])/float64(1<<12) + 0.01
		f *= pair / (float64(t.single[before]) + 1)
	}
	return f + float64(t.quads[quadOf(q)])
}

// quadOf is the first four bytes of q, blurred.
func quadOf(q []byte) uint32 { return blur32(binary.BigEndian.Uint32(q)) }

// manyPatterns is how many patterns are worth a quarter of a megabyte while a
// set is built.
const manyPatterns = 64

// learn counts the patterns as well: the strings that many of them share are
// worse than traffic tells.
func (b *builder) learn(patterns []literal) {
	if len(patterns) < manyPatterns {
		return
	}
	t := *b.traffic
	t.pairs, t.quads = slices.Clone(t.pairs), maps.Clone(t.quads)
	for _, l := range patterns {
		t.count(l.bytes)
	}
	b.traffic = &t
}

// rarest returns the offset in p of the n neighbouring grams that are expected
// the least often together.
func (b *builder) rarest(p []byte, n int) int {
	best, at := 0.0, 0
	before := 0.0
	for i := 0; i+gram <= len(p); i++ {
		q := p[i : i+gram]
		f := b.traffic.frequency(q)
		sum := f
		if n == 2 {
			sum += before
		}
		before = f
		if first := i - n + 1; first >= 0 && (first == 0 || sum < best) {
			best, at = sum, first
		}
	}
	return at
}

// typicalText is what servers and clients send most: the words of HTTP, HTML
// and script.
const typicalText = `GET /index.html HTTP/1.1
Host: www.example.com
User-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8
Accept-Encoding: gzip, deflate, br
Accept-Language: en-US,en;q=0.9
Referer: https://www.example.org/search?q=some+words&lang=en
Cookie: session=0123456789abcdef; theme=light; id=1
Connection: keep-alive
Cache-Control: no-cache
Upgrade-Insecure-Requests: 1
POST /api/v1/login.php?user=admin&id=12 HTTP/1.1
Content-Type: application/x-www-form-urlencoded
Content-Length: 27
HTTP/1.1 200 OK
Server: nginx/1.18.0
Date: Mon, 01 Jan 2024 00:00:00 GMT
Last-Modified: Tue, 02 Jan 2024 10:20:30 GMT
Content-Type: text/html; charset=UTF-8
Content-Length: 5120
Set-Cookie: sid=abc; path=/; HttpOnly; Secure; SameSite=Lax
Transfer-Encoding: chunked
Vary: Accept-Encoding
Expires: Thu, 01 Dec 1994 16:00:00 GMT
ETag: "5f3e-1a2b"
X-Frame-Options: SAMEORIGIN
HTTP/1.1 404 Not Found
HTTP/1.1 302 Found
Location: https://www.example.net/home/login.aspx
<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Home page</title>
<link rel="stylesheet" href="/css/style.min.css" type="text/css"><script src="https://cdn.example.com/js/jquery.min.js"></script>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="description" content="the page of the news">
</head><body class="page"><div id="main" class="container"><ul><li><a href="https://www.example.com/news/2024/01/">News</a></li></ul>
<p>This is the text of the page and there are more words in the other part for all that have been with you from the time they were here.</p>
<img src="/images/logo.png" alt="logo" width="100" height="50" border="0"><form action="/search" method="post"><input type="hidden" name="id" value="1"></form>
<table cellpadding="0" cellspacing="0"><tr><td style="color:#ffffff;font-size:12px;margin:0px;padding:0px">&nbsp;</td></tr></table>
<script type="text/javascript">(function(){var a=document.getElementById("main");if(a!=null){for(var i=0;i<a.length;i++){a[i].style.display="none";return false;}}
window.onload=function(e){var x=new XMLHttpRequest();x.open("GET","/data.json",true);x.send(null);this.value=String.fromCharCode(65);eval(unescape("%20"));};})();
</script></div></body></html>
{"id":1,"name":"value","type":"string","status":"ok","data":[{"key":"a","time":"2024-01-01T00:00:00Z","url":"https://api.example.com/v1/items"}],"error":null,"true":false}
<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body></soap:Body></soap:Envelope>
.php .asp .aspx .jsp .html .htm .js .css .gif .jpg .png .exe .dll .zip .pdf .com .net .org .info /index.php? /images/ /wp-content/ /wp-admin/ ?id= &id= http:// https://
USER anonymous PASS 220 ready 250 ok EHLO MAIL FROM:<user@example.com> RCPT TO:<info@example.org> DATA Subject: Re: Message-ID: Received: from by with ESMTP id for
select from where insert into update set delete union and or order by
`
