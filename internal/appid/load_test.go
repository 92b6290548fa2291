package appid

import (
	"strings"
	"testing"
	"testing/fstest"
)

// head is a whole entry to which a test adds its matches, in line 1 to 7.
const head = "- name: one\n  description: A thing.\n  category: networking\n  subcategory: proxy\n" +
	"  technology: client-server\n  risk: 1\n  match:\n"

func loadText(text string) (*Catalogue, error) {
	return Load(fstest.MapFS{"x.yaml": {Data: []byte(text)}})
}

func TestLoadErrors(t *testing.T) {
	first := head + "    first:\n      - {transport: tcp, from: client, "
	for name, test := range map[string]struct{ text, want string }{
		"empty":           {"", "x.yaml:1: want a list"},
		"syntax":          {"- name: [\n", "x.yaml:"},
		"unknown key":     {head + "    hots: [a.example]\n", "x.yaml:8: field hots not found"},
		"unknown in list": {first + "hexx: \"00\"}\n", "x.yaml:9: field hexx not found"},
		"type":            {"- name: a\n  risk: high\n", "x.yaml:2: cannot unmarshal"},
		"two documents":   {head + "    hosts: [a.example]\n---\n- name: b\n", "x.yaml: want one document"},
		"no name":         {"\n- description: x\n", "x.yaml:2: application: name: want"},
		"upper name":      {"- name: One\n", `x.yaml:1: One: name: want lower-case`},
		"risk":            {"- name: a\n  risk: 6\n", "x.yaml:1: a: risk: want 1 to 5, got 6"},
		"description":     {"- name: a\n  risk: 1\n", "description: want a value"},
		"port":            {strings.Replace(head, "  match:", "  ports: [tcp/x]\n  match:", 1), `ports: want tcp/NUMBER`},
		"port range":      {strings.Replace(head, "  match:", "  ports: [tcp/1-9999]\n  match:", 1), `got "tcp/1-9999"`},
		"name taken":      {head + "    hosts: [a.example]\n" + head + "    hosts: [b.example]\n", "x.yaml:9: one: the name is taken"},
		"host":            {head + "    hosts: [\"*.example\"]\n", "hosts: want a lower-case host name"},
		"host twice":      {head + "    hosts: [a.example, a.example]\n", "hosts: a.example belongs to one"},
		"decoder twice":   {head + "    decoders: [http, http]\n", "decoders: http belongs to one"},
		"ip twice":        {head + "    ip_protos: [1, 1]\n", "ip_protos: 1 belongs to one"},
		"agent":           {head + "    agents: [a]\n", "agents: want at least 3 letters"},
		"http":            {head + "    http: [{ports: [80]}]\n", "http: want path"},
		"decoder port":    {head + "    decoder_ports: [{port: 853}]\n", "decoder_ports: want decoder and port"},
		"weak":            {first + "hex: \"00 01\"}\n", "first: want at least 3 bytes that count"},
		"only any":        {first + "hex: \"??*9\"}\n", "first: want at least 3 bytes that count"},
		"odd hex":         {first + "hex: \"001\"}\n", "hex: want at most"},
		"bad hex":         {first + "hex: \"0000zz\"}\n", "hex: want pairs of digits"},
		"bad times":       {first + "hex: \"00*x\"}\n", "hex: want a number after *"},
		"both":            {first + "hex: \"000000\", text: abc}\n", "want hex or text, got both"},
		"too long":        {first + "hex: \"00*64\", offset: 100}\n", "want at most the first 128 bytes"},
		"length":          {first + "hex: \"000000\", length: {size: 5}}\n", "length: want size 1 to 4"},
		"check":           {first + "hex: \"000000\", check: nice}\n", "check: want the name of a check"},
		"repeat":          {first + "hex: \"000000\", repeat: 2}\n", "repeat: want transport udp"},
		"serial":          {first + "hex: \"000000\", serial: 2}\n", "serial, constant: want places"},
		"from":            {head + "    first: [{transport: tcp, from: me, hex: \"000000\"}]\n", "from: want client"},
		"transport":       {head + "    first: [{transport: ip, from: any, hex: \"000000\"}]\n", "transport: want tcp or udp"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := loadText(test.text)
			if err == nil || c != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
	if _, err := Load(fstest.MapFS{}); err == nil {
		t.Error("no file: want an error")
	}
}

// TestLoadJoins wants all complaints at once.
func TestLoadJoins(t *testing.T) {
	_, err := Load(fstest.MapFS{
		"a.yaml": {Data: []byte("- name: A\n- name: B\n")}, "b.yaml": {Data: []byte("- nam: c\n")},
	})
	for _, want := range []string{"a.yaml:1: ", "a.yaml:2: ", "b.yaml:1: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in %v", want, err)
		}
	}
}

func TestDefaultPort(t *testing.T) {
	c, err := loadText(strings.Replace(head, "  match:", "  ports: [tcp/25, udp/600-602]\n  match:", 1) +
		"    hosts: [a.example]\n")
	if err != nil {
		t.Fatal(err)
	}
	a := c.ByName("one")
	for _, test := range []struct {
		proto uint8
		port  uint16
		want  bool
	}{{6, 25, true}, {17, 25, false}, {17, 601, true}, {17, 603, false}} {
		if got := a.DefaultPort(test.proto, test.port); got != test.want {
			t.Errorf("%d/%d: got %v", test.proto, test.port, got)
		}
	}
	if c.ByName("two") != nil {
		t.Error("two: want nil")
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(head + "    hosts: [a.example]\n    first: [{transport: udp, from: any, hex: \"0? ??*3 01\", length: {size: 2}}]\n")
	f.Add("- name: a\n  risk: 9\n")
	f.Add("a: &a [*a]\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := loadText(text)
		if (c == nil) != (err != nil) {
			t.Fatalf("catalogue %v, error %v", c != nil, err)
		}
		if c == nil {
			return
		}
		var s State
		c.Begin(&s, 6, 1, 2)
		c.Bytes(&s, 0, []byte(text))
		c.Verdict(&s, &Facts{})
	})
}
