package detect

import "github.com/mirrorwall/mirrorwall/internal/rule"

// Vars holds the address and port variables by name, '$' excluded, as text of
// the rule language.
type Vars struct{ AddressGroups, PortGroups map[string]string }

// DefaultVars returns a fresh copy of the variables of Suricata's default
// configuration.
func DefaultVars() Vars {
	servers := "$HOME_NET"
	return Vars{
		AddressGroups: map[string]string{
			"HOME_NET":       "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]",
			"EXTERNAL_NET":   "!$HOME_NET",
			"HTTP_SERVERS":   servers,
			"SMTP_SERVERS":   servers,
			"SQL_SERVERS":    servers,
			"DNS_SERVERS":    servers,
			"TELNET_SERVERS": servers,
			"AIM_SERVERS":    "$EXTERNAL_NET",
			"DC_SERVERS":     servers,
			"DNP3_SERVER":    servers,
			"DNP3_CLIENT":    servers,
			"MODBUS_CLIENT":  servers,
			"MODBUS_SERVER":  servers,
			"ENIP_CLIENT":    servers,
			"ENIP_SERVER":    servers,
		},
		PortGroups: map[string]string{
			"HTTP_PORTS":      "80",
			"SHELLCODE_PORTS": "!80",
			"ORACLE_PORTS":    "1521",
			"SSH_PORTS":       "22",
			"DNP3_PORTS":      "20000",
			"MODBUS_PORTS":    "502",
			"FILE_DATA_PORTS": "[$HTTP_PORTS,110,143]",
			"FTP_PORTS":       "21",
			"GENEVE_PORTS":    "6081",
			"VXLAN_PORTS":     "4789",
			"TEREDO_PORTS":    "3544",
			"SIP_PORTS":       "[5060, 5061]",
		},
	}
}

// empty reports whether nothing is set.
func (v Vars) empty() bool { return v.AddressGroups == nil && v.PortGroups == nil }

func (v Vars) addresses() rule.Vars { return rule.Vars(v.AddressGroups) }
func (v Vars) ports() rule.Vars     { return rule.Vars(v.PortGroups) }
