package record

import "strings"

// Severity is PAN-OS's scale of threats; a greater value is worse.
type Severity uint8

// Severities, in their order.
const (
	Informational Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"informational", "low", "medium", "high", "critical"}

// String returns PAN-OS's word.
func (s Severity) String() string { return severityNames[min(int(s), len(severityNames)-1)] }

// ParseSeverity reads PAN-OS's word.
func ParseSeverity(s string) (Severity, bool) {
	for i, name := range severityNames {
		if strings.EqualFold(s, name) {
			return Severity(i), true
		}
	}
	return 0, false
}

// SeverityOf tells a signature's severity: its metadata's signature_severity,
// as Emerging Threats and our own rules carry it, else its priority (1 high, 2
// medium, 3 low, then informational).
func SeverityOf(priority int, signatureSeverity string) Severity {
	switch strings.ToLower(signatureSeverity) {
	case "critical":
		return Critical
	case "major":
		return High
	case "minor":
		// Four words for five steps: the class decides between the two.
		if priority <= 2 {
			return Medium
		}
		return Low
	case "informational":
		return Informational
	}
	switch priority {
	case 1:
		return High
	case 2:
		return Medium
	case 3:
		return Low
	}
	return Informational
}
