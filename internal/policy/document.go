package policy

// Document is the policy part of the configuration: what the owner says about
// zones, objects, rules and profiles, in PAN-OS's model (Policies > Security,
// Objects). Values are texts as written; Compile reads and checks them. Names are
// unique within their list; addresses, address groups, regions and external lists
// share one name space, services and service groups another, applications,
// application groups and filters a third.
type Document struct {
	Assets        []Asset        `yaml:"assets,omitempty"`
	Zones         []Zone         `yaml:"zones,omitempty"`
	Addresses     []Address      `yaml:"addresses,omitempty"`
	AddressGroups []AddressGroup `yaml:"address_groups,omitempty"`
	ExternalLists []ExternalList `yaml:"external_lists,omitempty"`
	// RegionFile is a database in MaxMind's format; it gives addresses their
	// two-letter regions, which rules name as addresses.
	RegionFile         string              `yaml:"region_file,omitempty"`
	Services           []Service           `yaml:"services,omitempty"`
	ServiceGroups      []Group             `yaml:"service_groups,omitempty"`
	ApplicationGroups  []Group             `yaml:"application_groups,omitempty"`
	ApplicationFilters []ApplicationFilter `yaml:"application_filters,omitempty"`
	URLCategories      []URLCategory       `yaml:"url_categories,omitempty"`
	Schedules          []Schedule          `yaml:"schedules,omitempty"`
	Profiles           Profiles            `yaml:"profiles,omitempty"`
	ProfileGroups      []ProfileGroup      `yaml:"profile_groups,omitempty"`
	Rules              []Rule              `yaml:"rules,omitempty"`
	// Intrazone and Interzone decide what no rule decides: allow and deny, both
	// without a log, unless set.
	Intrazone        DefaultRule   `yaml:"intrazone_default,omitempty"`
	Interzone        DefaultRule   `yaml:"interzone_default,omitempty"`
	TunnelInspection []TunnelRule  `yaml:"tunnel_inspection,omitempty"`
	HTTPServers      []HTTPServer  `yaml:"http_servers,omitempty"`
	LogForwarding    []LogForwards `yaml:"log_forwarding,omitempty"`
}

// Asset says what stands behind an address of a mirror session. The most special
// entry that fits wins: address and VNI, then address, then VNI alone.
type Asset struct {
	VNI      string   `yaml:"vni,omitempty"`     // one, or a range "100-199"
	Address  string   `yaml:"address,omitempty"` // address or network
	ENI      string   `yaml:"eni,omitempty"`
	Instance string   `yaml:"instance,omitempty"`
	VPC      string   `yaml:"vpc,omitempty"`
	Tags     []string `yaml:"tags,omitempty"`
}

// Zone is a part of the network: an end of a flow is in the first zone with a
// matching line. Within a zone the kinds are alternatives.
type Zone struct {
	Name     string   `yaml:"name"`
	Networks []string `yaml:"networks,omitempty"`
	VNIs     []string `yaml:"vnis,omitempty"` // holds for both ends of a mirrored flow
	VPCs     []string `yaml:"vpcs,omitempty"` // of the asset
	Tags     []string `yaml:"tags,omitempty"` // of the asset
}

// Address is an address object; one of the kinds is set.
type Address struct {
	Name        string   `yaml:"name"`
	Network     string   `yaml:"network,omitempty"` // address or network
	Range       string   `yaml:"range,omitempty"`   // "10.0.0.1-10.0.0.9"
	FQDN        string   `yaml:"fqdn,omitempty"`
	Tags        []string `yaml:"tags,omitempty"`
	Description string   `yaml:"description,omitempty"`
}

// AddressGroup joins addresses by name (Members), or by tag: Filter is an
// expression over tags, such as "'web' and 'prod'".
type AddressGroup struct {
	Name        string   `yaml:"name"`
	Members     []string `yaml:"members,omitempty"`
	Filter      string   `yaml:"filter,omitempty"`
	Tags        []string `yaml:"tags,omitempty"`
	Description string   `yaml:"description,omitempty"`
}

// Group joins objects of one name space by name.
type Group struct {
	Name    string   `yaml:"name"`
	Members []string `yaml:"members"`
	Tags    []string `yaml:"tags,omitempty"`
}

// ExternalList is an external dynamic list.
type ExternalList struct {
	Name       string   `yaml:"name"`
	Type       string   `yaml:"type"` // ip, domain or url
	URL        string   `yaml:"url"`
	Every      string   `yaml:"every,omitempty"` // five-minute, hourly (default), daily, weekly, monthly
	Exceptions []string `yaml:"exceptions,omitempty"`
}

// Service is a protocol and its ports.
type Service struct {
	Name        string   `yaml:"name"`
	Protocol    string   `yaml:"protocol"`               // tcp, udp or sctp
	Ports       string   `yaml:"ports"`                  // "80,8080-8090"
	SourcePorts string   `yaml:"source_ports,omitempty"` // as ports
	Tags        []string `yaml:"tags,omitempty"`
	Description string   `yaml:"description,omitempty"`
}

// ApplicationFilter is a group of applications by what they are; what is set must
// all hold, one value of each.
type ApplicationFilter struct {
	Name          string   `yaml:"name"`
	Categories    []string `yaml:"categories,omitempty"`
	Subcategories []string `yaml:"subcategories,omitempty"`
	Technologies  []string `yaml:"technologies,omitempty"`
	Risks         []int    `yaml:"risks,omitempty"`
	Tags          []string `yaml:"tags,omitempty"`
}

// URLCategory is a custom category: hosts with an optional path, "*" for a label.
type URLCategory struct {
	Name        string   `yaml:"name"`
	List        []string `yaml:"list"`
	Description string   `yaml:"description,omitempty"`
}

// Schedule says when a rule holds: "monday 08:00-17:00", "daily 22:00-23:59" or
// "2026/01/01@00:00-2026/01/31@23:59", in UTC.
type Schedule struct {
	Name  string   `yaml:"name"`
	Times []string `yaml:"times"`
}

// Profiles are the security profiles by kind. "default", "strict" and
// "alert-only" exist of the severity kinds without being written.
type Profiles struct {
	Vulnerability []SeverityProfile `yaml:"vulnerability,omitempty"`
	Spyware       []SeverityProfile `yaml:"spyware,omitempty"`
	Virus         []SeverityProfile `yaml:"virus,omitempty"`
	URL           []URLProfile      `yaml:"url,omitempty"`
	File          []FileProfile     `yaml:"file,omitempty"`
	Data          []DataProfile     `yaml:"data,omitempty"`
	Zone          []ZoneProtection  `yaml:"zone_protection,omitempty"`
	DoS           []DoSProfile      `yaml:"dos_protection,omitempty"`
}

// SeverityProfile decides what a threat means: the first rule that fits, after
// the exceptions.
type SeverityProfile struct {
	Name        string            `yaml:"name"`
	Rules       []SeverityRule    `yaml:"rules,omitempty"`
	Exceptions  []ThreatException `yaml:"exceptions,omitempty"`
	Description string            `yaml:"description,omitempty"`
}

// SeverityRule is one line of a profile. Empty lists mean any. Action is one of
// default, allow, alert, drop, reset-client, reset-server, reset-both, block-ip.
type SeverityRule struct {
	Name       string   `yaml:"name"`
	Severities []string `yaml:"severities,omitempty"`
	Categories []string `yaml:"categories,omitempty"`
	CVEs       []string `yaml:"cves,omitempty"`
	Host       string   `yaml:"host,omitempty"` // any, client or server
	Threat     string   `yaml:"threat,omitempty"`
	Action     string   `yaml:"action"`
	// Capture is disable, single-packet or extended-capture.
	Capture string `yaml:"capture,omitempty"`
}

// ThreatException is what a profile does with one signature.
type ThreatException struct {
	ID        uint32   `yaml:"id"`
	Action    string   `yaml:"action"`
	Addresses []string `yaml:"addresses,omitempty"` // only these; empty: all
	Capture   string   `yaml:"capture,omitempty"`
}

// URLProfile gives URL categories their action; what is not named is allowed
// without a log.
type URLProfile struct {
	Name    string              `yaml:"name"`
	Actions map[string][]string `yaml:"actions,omitempty"` // alert, block, continue, override → categories
}

// FileProfile gives file types their action.
type FileProfile struct {
	Name  string     `yaml:"name"`
	Rules []FileRule `yaml:"rules,omitempty"`
}

// FileRule is one line of a file profile. Action is alert, block or continue.
type FileRule struct {
	Name         string   `yaml:"name"`
	Applications []string `yaml:"applications,omitempty"`
	Types        []string `yaml:"types,omitempty"`
	Direction    string   `yaml:"direction,omitempty"` // upload, download or both
	Action       string   `yaml:"action"`
}

// DataProfile names patterns that must not travel.
type DataProfile struct {
	Name     string   `yaml:"name"`
	Patterns []string `yaml:"patterns,omitempty"`
	Alert    int      `yaml:"alert,omitempty"`
	Block    int      `yaml:"block,omitempty"`
}

// ZoneProtection bounds floods and scans of a zone.
type ZoneProtection struct {
	Name  string               `yaml:"name"`
	Flood map[string]FloodRate `yaml:"flood,omitempty"` // tcp-syn, udp, icmp, icmpv6, other-ip
	Scans []ScanLimit          `yaml:"scans,omitempty"`
}

// FloodRate is in connections a second.
type FloodRate struct {
	Alarm    int `yaml:"alarm"`
	Activate int `yaml:"activate"`
	Maximal  int `yaml:"maximal"`
}

// ScanLimit is PAN-OS's 8001 (TCP port scan), 8002 (host sweep), 8003 (UDP port scan).
type ScanLimit struct {
	ID        uint32 `yaml:"id"`
	Interval  int    `yaml:"interval"` // seconds
	Threshold int    `yaml:"threshold"`
	Action    string `yaml:"action"`
}

// DoSProfile bounds sessions to what a DoS rule protects.
type DoSProfile struct {
	Name        string               `yaml:"name"`
	Type        string               `yaml:"type"` // aggregate or classified
	Flood       map[string]FloodRate `yaml:"flood,omitempty"`
	MaxSessions int                  `yaml:"max_sessions,omitempty"`
}

// ProfileGroup is a set of profiles under one name.
type ProfileGroup struct {
	Name       string `yaml:"name"`
	ProfileSet `yaml:",inline"`
}

// ProfileSet names at most one profile of each kind.
type ProfileSet struct {
	Vulnerability string `yaml:"vulnerability,omitempty"`
	Spyware       string `yaml:"spyware,omitempty"`
	Virus         string `yaml:"virus,omitempty"`
	URL           string `yaml:"url,omitempty"`
	File          string `yaml:"file,omitempty"`
	Data          string `yaml:"data,omitempty"`
}

// Rule is a security rule. Empty lists mean any.
type Rule struct {
	Name              string   `yaml:"name"`
	UUID              string   `yaml:"uuid,omitempty"`
	Type              string   `yaml:"type,omitempty"` // universal (default), intrazone, interzone
	From              []string `yaml:"from,omitempty"`
	To                []string `yaml:"to,omitempty"`
	Source            []string `yaml:"source,omitempty"` // objects, groups, regions, lists, or addresses as they are
	NegateSource      bool     `yaml:"negate_source,omitempty"`
	Destination       []string `yaml:"destination,omitempty"`
	NegateDestination bool     `yaml:"negate_destination,omitempty"`
	SourceUser        []string `yaml:"source_user,omitempty"` // kept; a mirror shows no users
	Application       []string `yaml:"application,omitempty"`
	// Service is any (default), application-default, or services and groups.
	Service     []string `yaml:"service,omitempty"`
	URLCategory []string `yaml:"url_category,omitempty"`
	// Action is allow, deny, drop, reset-client, reset-server or reset-both. It
	// becomes a verdict: allow, would-deny or would-reset.
	Action        string     `yaml:"action"`
	LogStart      bool       `yaml:"log_start,omitempty"`
	LogEnd        *bool      `yaml:"log_end,omitempty"` // true unless set
	LogForwarding string     `yaml:"log_forwarding,omitempty"`
	ProfileGroup  string     `yaml:"profile_group,omitempty"`
	Profiles      ProfileSet `yaml:"profiles,omitempty"`
	Schedule      string     `yaml:"schedule,omitempty"`
	Tags          []string   `yaml:"tags,omitempty"`
	Description   string     `yaml:"description,omitempty"`
	Disabled      bool       `yaml:"disabled,omitempty"`
}

// DefaultRule is what can be said of a default rule.
type DefaultRule struct {
	Action        string `yaml:"action,omitempty"`
	LogEnd        bool   `yaml:"log_end,omitempty"`
	LogForwarding string `yaml:"log_forwarding,omitempty"`
}

// TunnelRule says which mirror sessions are inspected, and under which name
// (Policies > Tunnel Inspection).
type TunnelRule struct {
	Name        string   `yaml:"name"`
	From        []string `yaml:"from,omitempty"`
	To          []string `yaml:"to,omitempty"`
	Source      []string `yaml:"source,omitempty"`
	Destination []string `yaml:"destination,omitempty"`
	VNIs        []string `yaml:"vnis,omitempty"`
	MonitorName string   `yaml:"monitor_name,omitempty"`
	Disabled    bool     `yaml:"disabled,omitempty"`
}

// HTTPServer is an HTTP server profile (Device > Server Profiles > HTTP).
type HTTPServer struct {
	Name    string       `yaml:"name"`
	Servers []HTTPTarget `yaml:"servers"`
	// Formats are by log type: how the request for one record looks.
	Formats map[string]HTTPFormat `yaml:"formats,omitempty"`
}

// HTTPTarget is one server; the next is asked when it fails.
type HTTPTarget struct {
	Name     string `yaml:"name"`
	Address  string `yaml:"address"`
	Protocol string `yaml:"protocol,omitempty"` // HTTPS unless set
	Port     int    `yaml:"port,omitempty"`     // 443, or 80 for HTTP
	Method   string `yaml:"method,omitempty"`   // POST unless set
	Username string `yaml:"username,omitempty"`
	// PasswordFile and PasswordEnv say where the password is; it has no place in
	// this document.
	PasswordFile string `yaml:"password_file,omitempty"`
	PasswordEnv  string `yaml:"password_env,omitempty"`
}

// HTTPFormat has PAN-OS's $variables in all its parts.
type HTTPFormat struct {
	Name    string            `yaml:"name,omitempty"`
	URL     string            `yaml:"url,omitempty"` // path and query
	Headers map[string]string `yaml:"headers,omitempty"`
	Params  map[string]string `yaml:"params,omitempty"`
	Payload string            `yaml:"payload,omitempty"`
}

// LogForwards is a log forwarding profile: match lists that rules name.
type LogForwards struct {
	Name  string     `yaml:"name"`
	Match []LogMatch `yaml:"match"`
}

// LogMatch sends the records of one log that pass a filter; "All Logs" or nothing
// means each.
type LogMatch struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description,omitempty"`
	Log         string   `yaml:"log"`
	Filter      string   `yaml:"filter,omitempty"`
	HTTP        []string `yaml:"http,omitempty"` // HTTP server profiles
	// Tag puts tags on an address of the record, for dynamic address groups.
	Tag []TagAction `yaml:"tag,omitempty"`
}

// TagAction adds or removes tags.
type TagAction struct {
	Name    string   `yaml:"name"`
	Action  string   `yaml:"action"`            // add-tag or remove-tag
	Target  string   `yaml:"target"`            // source-address or destination-address
	Timeout int      `yaml:"timeout,omitempty"` // minutes; 0: never
	Tags    []string `yaml:"tags"`
}
