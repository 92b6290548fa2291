package flow

// Policy says whose bytes win where segments overlap; names follow Suricata's
// host-os-policy.
type Policy uint8

// Overlap policies.
const (
	PolicyBSD Policy = iota
	PolicyBSDRight
	PolicyOldLinux
	PolicyLinux
	PolicyOldSolaris
	PolicySolaris
	PolicyHPUX10
	PolicyHPUX11
	PolicyIRIX
	PolicyMacOS
	PolicyWindows
	PolicyVista
	PolicyWindows2k3
	PolicyFirst
	PolicyLast
	policyCount
)

// policyNames is indexed by Policy.
var policyNames = [policyCount]string{
	"bsd", "bsd-right", "old-linux", "linux", "old-solaris", "solaris",
	"hpux10", "hpux11", "irix", "macos", "windows", "vista", "windows2k3",
	"first", "last",
}

// String returns the host-os-policy name.
func (p Policy) String() string {
	if p >= policyCount {
		return ""
	}
	return policyNames[p]
}

// PolicyByName finds a policy; '_' and '-' are the same in names.
func PolicyByName(name string) (Policy, bool) {
	for i, s := range policyNames {
		if sameName(s, name) {
			return Policy(i), true
		}
	}
	return PolicyBSD, false
}

func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		c := b[i]
		if c == '_' {
			c = '-'
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if a[i] != c {
			return false
		}
	}
	return true
}
