package detect

// Class is what a classtype stands for.
type Class struct {
	Priority    int // 1 (most urgent) to 4
	Description string
}

// ClassTable maps classtypes.
type ClassTable map[string]Class

// unknownPriority is the priority of a rule whose class says nothing.
const unknownPriority = 3

// DefaultClasses returns our own table of the classtypes in use, a fresh copy.
func DefaultClasses() ClassTable {
	t := ClassTable{}
	for prio, list := range classLists() {
		for _, c := range list {
			t[c[0]] = Class{Priority: prio + 1, Description: c[1]}
		}
	}
	return t
}

// classLists holds (classtype, description) by priority, the most urgent
// first. The names are the field's; they are part of the rule language.
func classLists() [4][][2]string {
	return [4][][2]string{{
		{"attempted-admin", "Attempted Administrator Privilege Gain"},
		{"successful-admin", "Successful Administrator Privilege Gain"},
		{"attempted-user", "Attempted User Privilege Gain"},
		{"unsuccessful-user", "Unsuccessful User Privilege Gain"},
		{"successful-user", "Successful User Privilege Gain"},
		{"shellcode-detect", "Executable code was detected"},
		{"trojan-activity", "A Network Trojan was detected"},
		{"web-application-attack", "Web Application Attack"},
		{"inappropriate-content", "Inappropriate Content was Detected"},
		{"policy-violation", "Potential Corporate Privacy Violation"},
		{"targeted-activity", "Targeted Malicious Activity was Detected"},
		{"exploit-kit", "Exploit Kit Activity Detected"},
		{"domain-c2", "Domain Observed Used for C2 Detected"},
		{"credential-theft", "Successful Credential Theft Detected"},
		{"command-and-control", "Malware Command and Control Activity Detected"},
		{"file-format", "Known malicious file or file based exploit"},
		{"malware-cnc", "Known malware command and control traffic"},
		{"client-side-exploit", "Known client side exploit attempt"},
	}, {
		{"bad-unknown", "Potentially Bad Traffic"},
		{"attempted-recon", "Attempted Information Leak"},
		{"successful-recon-limited", "Information Leak"},
		{"successful-recon-largescale", "Large Scale Information Leak"},
		{"attempted-dos", "Attempted Denial of Service"},
		{"successful-dos", "Denial of Service"},
		{"rpc-portmap-decode", "Decode of an RPC Query"},
		{"suspicious-filename-detect", "A suspicious filename was detected"},
		{"suspicious-login", "An attempted login using a suspicious username was detected"},
		{"system-call-detect", "A system call was detected"},
		{"unusual-client-port-connection", "A client was using an unusual port"},
		{"denial-of-service", "Detection of a Denial of Service Attack"},
		{"non-standard-protocol", "Detection of a non-standard protocol or event"},
		{"web-application-activity", "access to a potentially vulnerable web application"},
		{"misc-attack", "Misc Attack"},
		{"default-login-attempt", "Attempt to login by a default username and password"},
		{"pup-activity", "Possibly Unwanted Program Detected"},
		{"external-ip-check", "Device Retrieving External IP Address Detected"},
		{"social-engineering", "Possible Social Engineering Attempted"},
		{"coin-mining", "Crypto Currency Mining Activity Detected"},
		{"sdf", "Sensitive Data was Transmitted Across the Network"},
	}, {
		{"not-suspicious", "Not Suspicious Traffic"},
		{"unknown", "Unknown Traffic"},
		{"string-detect", "A suspicious string was detected"},
		{"network-scan", "Detection of a Network Scan"},
		{"protocol-command-decode", "Generic Protocol Command Decode"},
		{"misc-activity", "Misc activity"},
		{"icmp-event", "Generic ICMP event"},
		{"credential-access", "Access to Credentials Detected"},
	}, {
		{"tcp-connection", "A TCP connection was detected"},
	}}
}
