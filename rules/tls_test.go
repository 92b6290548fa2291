package rules_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
)

// tls plays the clear part of a TLS 1.2 handshake:
//
//	tls CLIENT -> SERVER:PORT sni=NAME subject="DN" issuer="DN" serial=HEX
//
// DN is written as in tls.cert_subject: "O=Example, CN=x".
func (p *player) tls(arg string) error {
	_, _, rest, err := p.ends(arg)
	if err != nil {
		return err
	}
	if err := p.open("tcp", arg); err != nil {
		return err
	}
	set := map[string]string{"subject": "CN=www.example.com", "serial": "1234567890"}
	for _, m := range regexp.MustCompile(`(\w+)=(?:"([^"]*)"|(\S+))`).FindAllStringSubmatch(rest, -1) {
		set[m[1]] = m[2] + m[3]
	}
	cert, err := certificate(set)
	if err != nil {
		return err
	}
	p.tcp.Client(tlsRecord(message(1, clientHello(set["sni"]))))
	p.tcp.Server(slices.Concat(tlsRecord(message(2, serverHello())),
		tlsRecord(message(11, vector(3, vector(3, cert)))), tlsRecord(message(14, nil))))
	return nil
}

// vector prefixes b with its length in n bytes (RFC 8446 §3.4).
func vector(n int, b []byte) []byte {
	size := binary.BigEndian.AppendUint32(nil, uint32(len(b)))
	return append(size[4-n:], b...)
}

func message(typ byte, body []byte) []byte { return append([]byte{typ}, vector(3, body)...) }

func tlsRecord(body []byte) []byte { return append([]byte{22, 3, 3}, vector(2, body)...) }

func clientHello(sni string) []byte {
	b := append([]byte{3, 3}, make([]byte, 32)...)
	b = append(b, 0, 0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0)
	exts := []byte{0, 23, 0, 0}
	if sni != "" {
		name := vector(2, append([]byte{0}, vector(2, []byte(sni))...))
		exts = append(append(exts, 0, 0), vector(2, name)...)
	}
	return append(b, vector(2, exts)...)
}

func serverHello() []byte {
	b := append([]byte{3, 3}, make([]byte, 32)...)
	return append(b, 0, 0xc0, 0x2b, 0)
}

// certificate makes a certificate whose names have their parts in the order
// written.
func certificate(set map[string]string) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, ok := new(big.Int).SetString(set["serial"], 16)
	if !ok {
		return nil, fmt.Errorf("serial: want hex, got %q", set["serial"])
	}
	subject, err := distinguished(set["subject"])
	if err != nil {
		return nil, err
	}
	issuer := subject
	if set["issuer"] != "" {
		if issuer, err = distinguished(set["issuer"]); err != nil {
			return nil, err
		}
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	t := &x509.Certificate{SerialNumber: serial, RawSubject: subject, NotBefore: start, NotAfter: start.AddDate(1, 0, 0)}
	parent := &x509.Certificate{RawSubject: issuer}
	return x509.CreateCertificate(rand.Reader, t, parent, &key.PublicKey, key)
}

func distinguished(dn string) ([]byte, error) {
	oids := map[string]int{"CN": 3, "C": 6, "L": 7, "ST": 8, "O": 10, "OU": 11}
	var seq pkix.RDNSequence
	for part := range strings.SplitSeq(dn, ", ") {
		k, v, _ := strings.Cut(part, "=")
		if oids[k] == 0 {
			return nil, fmt.Errorf("name: unknown attribute %q", part)
		}
		oid := asn1.ObjectIdentifier{2, 5, 4, oids[k]}
		seq = append(seq, pkix.RelativeDistinguishedNameSET{{Type: oid, Value: v}})
	}
	return asn1.Marshal(seq)
}
