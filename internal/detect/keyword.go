package detect

import (
	"slices"
	"sort"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// argRule says whether a keyword takes a value.
type argRule uint8

const (
	argNeeded argRule = iota
	argNone
	argOptional
)

// keyword is one word of a rule's body: parse adds its meaning to the builder.
type keyword struct {
	name    string
	aliases []string
	arg     argRule
	parse   func(b *builder, o *rule.Option) error
	// no is why rules with the word are refused, hint what to do; idle is why it
	// has no effect.
	no, hint, idle string
}

// refused is a word of Suricata that is not for here, and why.
func refused(name, why, hint string) keyword {
	return keyword{name: name, no: why, hint: hint, arg: argOptional, parse: func(*builder, *rule.Option) error {
		return refuse(name+": "+why, hint)
	}}
}

// idle is a word that is accepted with a warning: it doesn't change what the
// rule matches, and what else it asks for isn't done here.
func idle(name, why string) keyword {
	return keyword{name: name, idle: why, arg: argOptional, parse: func(b *builder, _ *rule.Option) error {
		b.warn(name+": no effect here: "+why, "the rule matches all the same")
		return nil
	}}
}

// keywords lists the general keywords. Those of protocols come from their
// descriptors.
func keywords() []keyword {
	return slices.Concat(
		metaKeywords(), contentKeywords(), byteKeywords(),
		[]keyword{{name: "pcre", parse: parsePCRE}, {name: "frame", parse: parseFrame}},
		[]keyword{{name: "pkt_data", arg: argNone, parse: func(b *builder, _ *rule.Option) error {
			b.cur = b.groups[0]
			return nil
		}}},
		transformKeywords(), flowKeywords(), stateKeywords(), thresholdKeywords(),
		headerKeywords(), eventKeywords(), fileKeywords(), datasetKeywords(), noEffectKeywords(), otherKeywords(),
	)
}

// refusal is why a rule can't run as written.
type refusal struct {
	msg, hint string
	pos       *rule.Pos // or nil for the option that is being read
}

func (r *refusal) Error() string { return r.msg }

func refuse(msg, hint string) error { return &refusal{msg: msg, hint: hint} }

// missing says that a rule needs a protocol without a parser here.
type missing struct{ proto string }

func (m *missing) Error() string { return "protocol without a parser here: " + m.proto }

func needProto(name string) error { return &missing{name} }

// optionText is a value as written, with the '!' that the parser took off.
func optionText(o *rule.Option) string { return o.Value }

// nearest returns the known word that is closest to name, or "" when none is
// close.
func nearest(name string, known []string) string {
	sort.Strings(known)
	best, bestDist := "", 1+len(name)/3
	for _, k := range known {
		if d := editDistance(name, k, bestDist); d < bestDist || d == bestDist && best == "" {
			best, bestDist = k, d
		}
	}
	return best
}

// editDistance counts insertions, deletions, changes and swaps of neighbours;
// above limit it may return any greater number.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last[j-1]
			if a[i-1] != b[j-1] {
				cost++
			}
			row[j] = min(cost, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// foreignKeyword names the protocol that a keyword of Suricata belongs to when
// it has no parser here, or "".
func foreignKeyword(name string) string {
	prefix, _, _ := strings.Cut(name, ".")
	if p, ok := foreignPrefixes()[prefix]; ok && strings.Contains(name, ".") {
		return p
	}
	return foreignWords()[name]
}

// foreignPrefixes maps what stands before the dot.
func foreignPrefixes() map[string]string {
	m := map[string]string{"email": "smtp", "file": "http", "ja3": "tls", "ja3s": "tls", "ja4": "tls"}
	for _, p := range []string{"http", "http2", "tls", "dns", "mdns", "ssh", "smtp", "ftp", "smb",
		"dcerpc", "nfs", "krb5", "mqtt", "modbus", "dnp3", "enip", "cip", "ntp", "dhcp", "sip", "sdp",
		"rfb", "rdp", "snmp", "tftp", "ike", "quic", "pgsql", "ldap", "websocket", "llmnr"} {
		m[p] = p
	}
	return m
}

// foreignWords maps the keywords without a dot.
func foreignWords() map[string]string {
	m := map[string]string{"ftpbounce": "ftp", "ftpdata_command": "ftp-data", "modbus": "modbus",
		"cip_service": "enip", "enip_command": "enip", "rpc": "nfs"}
	for proto, words := range map[string]string{
		"dcerpc": "dce_iface dce_opnum dce_stub_data",
		"dnp3":   "dnp3_data dnp3_func dnp3_ind dnp3_obj",
		"krb5":   "krb5_cname krb5_sname krb5_err_code krb5_msg_type",
		"nfs":    "nfs_version nfs_procedure",
		"smb":    "smb_named_pipe smb_share smb_ntlmssp_user smb_ntlmssp_domain smb.version",
		"tls":    "ssl_state ssl_version tls_cert_expired tls_cert_valid tls_cert_notbefore tls_cert_notafter tls_store ja3_hash ja3_string ja4_hash",
		"dns":    "dns_query",
		"http":   "urilen file_data uricontent filename fileext filesize",
		"ssh":    "ssh_proto ssh_software ssh-hassh",
	} {
		for _, w := range strings.Fields(words) {
			m[w] = proto
		}
	}
	return m
}

// foreignProtos are the rule header protocols of Suricata that may have no
// parser here.
func foreignProtos() []string {
	return []string{"http", "http1", "http2", "tls", "ssl", "dns", "mdns", "llmnr", "ssh", "doh2", "smtp", "ftp", "ftp-data",
		"smb", "dcerpc", "nfs", "krb5", "mqtt", "modbus", "dnp3", "enip", "ntp", "dhcp", "sip",
		"rfb", "rdp", "snmp", "tftp", "ike", "ikev2", "quic", "pgsql", "ldap", "websocket",
		"telnet", "imap", "pop3", "irc", "bittorrent-dht", "template", "jabber", "msn", "sdp"}
}
