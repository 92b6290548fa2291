package flow

import "slices"

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

// PolicyNames lists the policies there are.
func PolicyNames() []string { return slices.Clone(policyNames[:]) }

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

// policySet is a set of policies.
type policySet uint16

// Where a new packet's edge lies against the old one's.
const (
	before = iota
	same
	after
)

func compare(a, b uint64) int {
	switch {
	case a < b:
		return before
	case a > b:
		return after
	}
	return same
}

// newWins reports whether the bytes of a new packet, spanning offsets
// [start, end), replace differing bytes of the old one, [oldStart, oldEnd). The
// behaviours are those measured for each system in Novak and Sturges,
// "Target-Based TCP Stream Reassembly" (2007), with Suricata's choice where it
// departs from them: its bsd-right, old-solaris and vista keep the old bytes.
func (p Policy) newWins(start, end, oldStart, oldEnd uint64) bool {
	const (
		leftTrim = 1<<PolicyBSD | 1<<PolicyHPUX10 | 1<<PolicyIRIX |
			1<<PolicyWindows | 1<<PolicyWindows2k3 | 1<<PolicyOldLinux |
			1<<PolicyLinux | 1<<PolicyMacOS
		cover  = 1<<PolicySolaris | 1<<PolicyHPUX11
		repeat = 1<<PolicyOldLinux | cover
	)
	winners := [3][3]policySet{
		before: {leftTrim, leftTrim | cover, leftTrim | cover},
		same:   {0, repeat, repeat | 1<<PolicyLinux},
		after:  {0, 0, cover},
	}
	if p == PolicyLast {
		return true
	}
	return winners[compare(start, oldStart)][compare(end, oldEnd)]&(1<<p) != 0
}
