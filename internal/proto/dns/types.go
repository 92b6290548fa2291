package dns

import "strconv"

// Record types whose data is read (IANA DNS parameters).
const (
	typeA     = 1
	typeNS    = 2
	typeCNAME = 5
	typeSOA   = 6
	typeNULL  = 10
	typePTR   = 12
	typeMX    = 15
	typeTXT   = 16
	typeAAAA  = 28
	typeSRV   = 33
	typeOPT   = 41
	typeSSHFP = 44
)

// lowTypes are the names of types 1 to 65 in Suricata's spelling.
const lowTypes = "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP " +
	"AFSDB X25 ISDN RT NSAP NSAPPTR SIG KEY PX GPOS AAAA LOC NXT - - SRV ATMA " +
	"NAPTR KX CERT A6 DNAME - OPT APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID " +
	"NSEC3 NSEC3PARAM TLSA SMIMEA - HIP - - - CDS CDNSKEY OPENPGPKEY CSYNC " +
	"ZONEMD SVCB HTTPS"

// typeName returns a type's name, "" when it has none here.
func typeName(t uint16) string {
	switch t {
	case 99:
		return "SPF"
	case 249:
		return "TKEY"
	case 250:
		return "TSIG"
	case 251:
		return "IXFR"
	case 252:
		return "AXFR"
	case 254:
		return "MAILA"
	case 255:
		return "ANY"
	case 256:
		return "URI"
	case 257:
		return "CAA"
	}
	return word(lowTypes, int(t)-1)
}

const rcodes = "NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET " +
	"NXRRSET NOTAUTH NOTZONE"

// rcodeName returns a response code's name, "" when it has none.
func rcodeName(c uint8) string { return word(rcodes, int(c)) }

// word returns the i-th word of a blank-separated list, "" for none or "-".
func word(list string, i int) string {
	if i < 0 {
		return ""
	}
	for start := 0; start < len(list); i-- {
		end := start
		for end < len(list) && list[end] != ' ' {
			end++
		}
		if i == 0 {
			if w := list[start:end]; w != "-" {
				return w
			}
			return ""
		}
		start = end + 1
	}
	return ""
}

// appendType appends a type's name, or its number.
func appendType(dst []byte, t uint16) []byte {
	if s := typeName(t); s != "" {
		return append(dst, s...)
	}
	return strconv.AppendUint(dst, uint64(t), 10)
}

func appendRcode(dst []byte, c uint8) []byte {
	if s := rcodeName(c); s != "" {
		return append(dst, s...)
	}
	return strconv.AppendUint(dst, uint64(c), 10)
}
