package appid

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is one application as written in YAML.
type entry struct {
	Name        string   `yaml:"name"`
	Description string   `yaml:"description"`
	Category    string   `yaml:"category"`
	Subcategory string   `yaml:"subcategory"`
	Technology  string   `yaml:"technology"`
	Risk        uint8    `yaml:"risk"`
	Ports       []string `yaml:"ports"`
	SaaS        bool     `yaml:"saas"`
	Evasive     bool     `yaml:"evasive"`
	Match       matches  `yaml:"match"`

	line int
}

// matches are the ways to tell an application; any one of them is enough.
type matches struct {
	// Decoders are protocols whose parser alone means this application.
	Decoders []string `yaml:"decoders"`
	// DecoderPorts are protocols that mean it on the port registered for it.
	DecoderPorts []decoderPort `yaml:"decoder_ports"`
	// Hosts are names: "example.com" is that name and all below it,
	// "=example.com" only itself.
	Hosts []string `yaml:"hosts"`
	// AWSServices are labels of names below the zones of AWS; see hostTable.
	AWSServices []string `yaml:"aws_services"`
	ALPN        []string `yaml:"alpn"`
	// Certs are names in the server's certificate that are no host names, whole.
	Certs []string `yaml:"certs"`
	// Agents are the beginnings of HTTP user agents.
	Agents []string `yaml:"agents"`
	// HTTP are beginnings of what a transaction shows.
	HTTP []httpMatch `yaml:"http"`
	// IPProtos are IP protocol numbers, ICMPTypes those of ICMP for IPv4.
	IPProtos  []uint8 `yaml:"ip_protos"`
	ICMPTypes []uint8 `yaml:"icmp_types"`
	// First are patterns of the first bytes.
	First []firstBytes `yaml:"first"`
}

// decoderPort is a decoder and the port that gives it a second meaning.
type decoderPort struct {
	Decoder string   `yaml:"decoder"`
	Port    uint16   `yaml:"port"`
	Labels  []string `yaml:"labels"` // beginnings of the host name, one must fit
}

// httpMatch is a condition on an HTTP transaction; every part given must hold.
type httpMatch struct {
	Path     string   `yaml:"path"`     // beginning of the normalised path
	Contains string   `yaml:"contains"` // anywhere in the path
	Type     string   `yaml:"type"`     // beginning of the content type
	Server   string   `yaml:"server"`   // beginning of the Server header
	Ports    []uint16 `yaml:"ports"`    // confirming server ports
}

// maxYAML bounds one catalogue file.
const maxYAML = 4 << 20

// readFile decodes strictly: a key that is not known is an error.
func readFile(fsys fs.FS, name string) ([]entry, error) {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	if len(text) > maxYAML {
		return nil, fmt.Errorf("%s: want at most %d bytes, got %d", name, maxYAML, len(text))
	}
	var out []entry
	var nodes []yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&out); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s:1: want a list of applications", name)
	} else if err != nil {
		return nil, atLine(name, err)
	}
	if !errors.Is(d.Decode(&yaml.Node{}), io.EOF) {
		return nil, fmt.Errorf("%s: want one document", name)
	}
	if err := yaml.Unmarshal(text, &nodes); err != nil {
		return nil, atLine(name, err)
	}
	for i := range out {
		if i < len(nodes) {
			out[i].line = nodes[i].Line
		}
	}
	return out, nil
}

// atLine turns the YAML package's "line 3: …" into file:3: ….
func atLine(name string, err error) error {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return lineError(name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var errs []error
	for _, m := range te.Errors {
		errs = append(errs, lineError(name, m))
	}
	return errors.Join(errs...)
}

func lineError(name, msg string) error {
	if rest, ok := strings.CutPrefix(msg, "line "); ok {
		return fmt.Errorf("%s:%s", name, rest)
	}
	return fmt.Errorf("%s: %s", name, msg)
}
