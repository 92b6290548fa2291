package panos

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mirrorwall/mirrorwall/internal/policy"
)

var update = flag.Bool("update", false, "write the golden files")

func sample(t testing.TB) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/mirror.xml")
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func parsed(t testing.TB, text string) *Tree {
	t.Helper()
	tree, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func imported(t testing.TB, text string) (*Tree, *Result) {
	t.Helper()
	tree := parsed(t, text)
	res, err := Import(tree)
	if err != nil {
		t.Fatal(err)
	}
	return tree, res
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

func TestSample(t *testing.T) {
	tree, res := imported(t, string(sample(t)))
	golden(t, "testdata/mirror.report", []byte(res.Report.String()))
	text, err := res.YAML()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/mirror.yaml", text)
	out, err := Export(&res.Policy, tree)
	if err != nil || !bytes.Equal(out, sample(t)) {
		t.Errorf("export of what nobody changed differs (%v)", err)
	}
	report, err := res.Report.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"$1$abc", "SECRETENC", "c3NoLXJz"} {
		for _, b := range [][]byte{text, report, []byte(res.Report.String()), fmt.Appendf(nil, "%+v", res)} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s is in the output", secret)
			}
		}
	}
	if !res.Report.NeedsPassword || res.Report.Count(Refused) != 4 {
		t.Errorf("needs password %v, refused %d", res.Report.NeedsPassword, res.Report.Count(Refused))
	}
}

// TestExportChanges changes one thing and holds all other bytes to the original.
func TestExportChanges(t *testing.T) {
	const last = `<entry name="last">`
	for _, c := range []struct {
		name   string
		change func(d *policy.Document)
		old    string
		now    string
	}{
		{"a rule's action", func(d *policy.Document) { d.Rules[0].Action = "drop" }, "<action>allow</action>\n", "<action>drop</action>\n"},
		{"a shared address", func(d *policy.Document) { d.Addresses[0].Network = "192.0.2.54" }, "192.0.2.53<", "192.0.2.54<"},
		{"an address's tags", func(d *policy.Document) { d.Addresses[1].Tags = nil }, "<tag><member>prod</member></tag></entry><entry name=\"site\">", "</entry><entry name=\"site\">"},
		{"a rule less", func(d *policy.Document) { d.Rules = d.Rules[:1] }, "\n                " + between(t, last, "</entry>"), ""},
		{"a match list", func(d *policy.Document) { d.LogForwarding[0].Match[0].Filter = "( severity geq high )" }, "All Logs", "( severity geq high )"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree, res := imported(t, string(sample(t)))
			c.change(&res.Policy)
			out, err := Export(&res.Policy, tree)
			if err != nil {
				t.Fatal(err)
			}
			if want := strings.Replace(string(sample(t)), c.old, c.now, 1); string(out) != want {
				t.Errorf("got\n%s", out)
			}
			if _, back := imported(t, string(out)); !reflect.DeepEqual(back.Policy, res.Policy) {
				t.Errorf("the export reads as %+v, want %+v", back.Policy, res.Policy)
			}
		})
	}
}

func between(t *testing.T, from, to string) string {
	s := string(sample(t))
	s = s[strings.Index(s, from):]
	return s[:strings.Index(s, to)+len(to)]
}

// TestExportStructure changes what has no place of its own in the original.
func TestExportStructure(t *testing.T) {
	for name, change := range map[string]func(d *policy.Document){
		"new rule first": func(d *policy.Document) {
			d.Rules = append([]policy.Rule{{Name: "first", Action: "deny"}}, d.Rules...)
		},
		"rules turned": func(d *policy.Document) { d.Rules[0], d.Rules[1] = d.Rules[1], d.Rules[0] },
		"new service group": func(d *policy.Document) {
			d.ServiceGroups = append(d.ServiceGroups, policy.Group{Name: "g", Members: []string{"alt"}})
		},
		"zone by network": func(d *policy.Document) { d.Zones[0].Networks = []string{"10.0.0.0/8"} },
		"no rules":        func(d *policy.Document) { d.Rules = nil },
		"asset":           func(d *policy.Document) { d.Assets = []policy.Asset{{VNI: "7", ENI: "eni-1?>"}} },
	} {
		t.Run(name, func(t *testing.T) {
			tree, res := imported(t, string(sample(t)))
			change(&res.Policy)
			out, err := Export(&res.Policy, tree)
			if err != nil {
				t.Fatal(err)
			}
			_, back := imported(t, string(out))
			// The built-in file profile goes when no rule names it.
			if name != "no rules" && !reflect.DeepEqual(back.Policy, res.Policy) {
				t.Errorf("the export reads as\n%+v, want\n%+v", back.Policy, res.Policy)
			}
			if len(back.Policy.Rules) != len(res.Policy.Rules) {
				t.Errorf("%d rules, want %d", len(back.Policy.Rules), len(res.Policy.Rules))
			}
			for _, kept := range []string{"<botnet><report><topn>50", "a device behind", "<nat><rules><entry name=\"n1\"/>", "$1$abcdefgh$"} {
				if !bytes.Contains(out, []byte(kept)) {
					t.Errorf("%s is gone", kept)
				}
			}
		})
	}
}

// fill gives each field of a document a value.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("v%d <&> \"x\"", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int:
		v.SetInt(int64(*n))
	case reflect.Uint32:
		v.SetUint(uint64(*n))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), n)
		fill(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e, n)
		v.SetMapIndex(reflect.ValueOf("alert"), e)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	}
}

// TestWhole exports a document with every field, also those that PAN-OS has no
// element for, and reads it back.
func TestWhole(t *testing.T) {
	var d policy.Document
	n := 0
	fill(reflect.ValueOf(&d).Elem(), &n)
	for i := range d.Services {
		d.Services[i].Protocol = "tcp"
	}
	for i := range d.ExternalLists {
		d.ExternalLists[i].Type, d.ExternalLists[i].Every = "ip", "daily"
	}
	for _, list := range [][]policy.SeverityProfile{d.Profiles.Vulnerability, d.Profiles.Spyware, d.Profiles.Virus} {
		for _, p := range list {
			for i := range p.Rules {
				p.Rules[i].Action = "alert"
			}
			for i := range p.Exceptions {
				p.Exceptions[i].Action = "block-ip"
			}
		}
	}
	for i := range d.Schedules {
		d.Schedules[i].Times = []string{"daily 01:00-02:00"}
	}
	for _, z := range d.Profiles.Zone {
		for i := range z.Scans {
			z.Scans[i].Action = "alert"
		}
	}
	out, err := Export(&d, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, back := imported(t, string(out))
	a, b := reflect.ValueOf(d), reflect.ValueOf(back.Policy)
	for i := range a.NumField() {
		if !reflect.DeepEqual(a.Field(i).Interface(), b.Field(i).Interface()) {
			t.Errorf("%s: got\n%+v, want\n%+v", a.Type().Field(i).Name, b.Field(i), a.Field(i))
		}
	}
}

func TestErrors(t *testing.T) {
	deep := strings.Repeat("<a>", MaxDepth+1)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "1:1: the file has no element"},
		{"doctype", "<!DOCTYPE config [<!ENTITY a \"b\">]><config/>", "1:1: document types and entities are refused"},
		{"entity", "<config>\n  <a>&a;</a></config>", "2:"},
		{"depth", "<config>" + deep, "nested more than 64 deep"},
		{"open", "<config>\n<shared>", "2:1: <shared> is never closed"},
		{"crossed", "<config>\n <a></b></config>", "2:5: want </a>, got </b>"},
		{"other", "<rules/>", "want <config>, got <rules>"},
		{"two", "<config/><config/>", "1:10: want one outermost element"},
		{"text", "<config/>hello", "1:10: text outside"},
		{"api error", `<response status="error"><msg/></response>`, "error message of the API"},
		{"attributes", "<config" + strings.Repeat(` a="b"`, maxAttrs+1) + "/>", "more than 16 attributes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(c.text))
			var pe *ParseError
			if !errors.As(err, &pe) || !strings.Contains(err.Error(), c.want) || pe.Hint() == "" || !strings.Contains(err.Error(), "^") && c.text != "" {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := Parse(endless{}); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("an endless file: %v", err)
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"panorama", "<config><panorama/></config>", "of Panorama"},
		{"device group", `<config><devices><entry name="d"><device-group/></entry></devices></config>`, "<device-group>"},
		{"template", `<config><devices><entry name="d"><template/></entry></devices></config>`, "<template>"},
		{"pre-rulebase", `<config><shared><pre-rulebase/></shared></config>`, "<pre-rulebase>"},
		{"several systems", `<config><devices><entry name="d"><vsys><entry name="vsys1"/><entry name="vsys2"/></vsys></entry></devices></config>`, "want one virtual system, got 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Import(parsed(t, c.text))
			var re *RefusedError
			if !errors.As(err, &re) || !strings.Contains(err.Error(), c.want) || re.Hint() == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestVersions(t *testing.T) {
	for version, warned := range map[string]bool{"8.1.0": false, "9.0.0": false, "11.2.3": false, "8.0.1": true, "7.1.0": true, "12.1.0": true, "x": true, "": true} {
		_, res := imported(t, `<response><result><config version="`+version+`"/></result></response>`)
		if got := len(res.Report.Warnings) > 0; got != warned {
			t.Errorf("version %q: warned %v", version, got)
		}
	}
}

// many is a configuration of n rules.
func many(n int) string {
	var b strings.Builder
	b.WriteString(`<config version="10.1.0"><devices><entry name="d"><vsys><entry name="vsys1"><rulebase><security><rules>`)
	for i := range n {
		fmt.Fprintf(&b, "\n  <entry name=\"rule-%d\" uuid=\"u-%d\"><from><member>any</member></from><to><member>any</member></to>"+
			"<source><member>10.0.%d.%d</member></source><destination><member>any</member></destination><source-user><member>any</member></source-user>"+
			"<category><member>any</member></category><application><member>ssl</member></application><service><member>application-default</member></service>"+
			"<action>allow</action><log-setting>default</log-setting><profile-setting><group><member>g</member></group></profile-setting></entry>", i, i, i>>8, i&255)
	}
	b.WriteString("\n</rules></security></rulebase></entry></vsys></entry></devices></config>")
	return b.String()
}

// TestEachRuleOnce bounds the work by what can be counted: one item a rule, and
// every rule by its name.
func TestEachRuleOnce(t *testing.T) {
	const n = 10000
	start := time.Now()
	_, res := imported(t, many(n))
	t.Logf("%d rules in %v", n, time.Since(start))
	if len(res.Policy.Rules) != n || len(res.Report.Items) != n+1 {
		t.Fatalf("%d rules, %d items", len(res.Policy.Rules), len(res.Report.Items))
	}
	for i := range n {
		if want := fmt.Sprintf("entry[@name='rule-%d']", i); !strings.HasSuffix(res.Report.Items[i+1].Path, want) {
			t.Fatalf("item %d is %s", i, res.Report.Items[i+1].Path)
		}
	}
}

func BenchmarkImport10000(b *testing.B) {
	text := many(10000)
	for b.Loop() {
		imported(b, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"<config/>", "<!DOCTYPE a>", "<config><a b='c'>&amp;<![CDATA[x]]></a></config>", "<config><?mirrorwall {}?></config>", "<a><b></a>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if tree, err := Parse(strings.NewReader(s)); err == nil && (tree.Config == nil || string(tree.Bytes()) != s) {
			t.Error("a tree without its bytes")
		} else if err != nil {
			_ = err.Error()
		}
	})
}

func FuzzImport(f *testing.F) {
	f.Add(string(sample(f)))
	f.Add(many(2))
	f.Add(`<config><?mirrorwall {"Zones":[{"Name":"a"}],"Assets":null}?></config>`)
	f.Fuzz(func(t *testing.T, s string) {
		tree, err := Parse(strings.NewReader(s))
		if err != nil {
			return
		}
		res, err := Import(tree)
		if err != nil {
			return
		}
		out, err := Export(&res.Policy, tree)
		if err != nil || string(out) != s {
			t.Errorf("the export differs (%v)", err)
		}
		res.Policy.Rules = append(res.Policy.Rules, policy.Rule{Name: "new", Action: "deny"})
		if out, err = Export(&res.Policy, tree); err == nil {
			if _, err := Parse(bytes.NewReader(out)); err != nil {
				t.Errorf("a changed export can't be read: %v", err)
			}
		}
	})
}

// TestCompiles holds the imported document to what the policy takes.
func TestCompiles(t *testing.T) {
	_, res := imported(t, string(sample(t)))
	_, problems := policy.Compile(&res.Policy, policy.Env{})
	for _, p := range problems {
		if !p.Warning {
			t.Errorf("%v: %s", p.Path, p.Msg)
		}
	}
}

// TestSecrets puts a secret into every element of a configuration that may hold
// one: none is in what the import gives, in an export without the original, or in
// an error; the file's own bytes keep it.
func TestSecrets(t *testing.T) {
	const secret = "s3cr3t-Value"
	pair := func(name string) string {
		return `<entry name="` + name + `"><value>` + secret + `</value></entry>`
	}
	shared := func(inner string) string {
		return `<config version="10.1.0"><shared>` + inner + `</shared><devices><entry name="d"><vsys><entry name="vsys1"/></vsys></entry></devices></config>`
	}
	server := func(server, format string) string {
		return shared(`<log-settings><http><entry name="h"><server><entry name="s"><address>hook.example</address>` + server +
			`</entry></server><format><threat>` + format + `</threat></format></entry></http></log-settings>`)
	}
	for name, text := range map[string]string{
		"http password":  server("<username>u</username><password>"+secret+"</password>", ""),
		"authorization":  server("", "<headers>"+pair("Authorization")+"</headers>"),
		"api key":        server("", "<headers>"+pair("X-Api-Key")+"</headers>"),
		"private token":  server("", "<headers>"+pair("PRIVATE-TOKEN")+"</headers>"),
		"cookie":         server("", "<headers>"+pair("Cookie")+"</headers>"),
		"parameter":      server("", "<params>"+pair("client_secret")+pair("access_token")+pair("sysparm_pwd")+"</params>"),
		"query":          server("", "<url-format>/hook?v=2&amp;api_key="+secret+"</url-format>"),
		"admin hash":     `<config version="10.1.0"><mgt-config><users><entry name="a"><phash>` + secret + `</phash><public-key>` + secret + `</public-key></entry></users></mgt-config></config>`,
		"snmp community": shared(`<log-settings><snmptrap><entry name="x"><version><v2c><server><entry name="s"><community>` + secret + `</community></entry></server></v2c></version></entry></snmptrap></log-settings>`),
		"radius":         shared(`<server-profile><radius><entry name="r"><server><entry name="s"><secret>` + secret + `</secret></entry></server></entry></radius></server-profile>`),
		"certificate":    shared(`<certificate><entry name="c"><private-key>` + secret + `</private-key></entry></certificate>`),
		"list":           shared(`<external-list><entry name="l"><type><ip><url>https://x.example/l</url><recurring><hourly/></recurring><auth><username>u</username><password>` + secret + `</password></auth></ip></type></entry></external-list>`),
		"list's url":     shared(`<external-list><entry name="l"><type><ip><url>https://u:` + secret + `@x.example/l</url><recurring><hourly/></recurring></ip></type></entry></external-list>`),
	} {
		t.Run(name, func(t *testing.T) {
			tree, res := imported(t, text)
			yaml, err := res.YAML()
			if err != nil {
				t.Fatal(err)
			}
			report, err := res.Report.JSON()
			if err != nil {
				t.Fatal(err)
			}
			alone, err := Export(&res.Policy, nil)
			if err != nil {
				t.Fatal(err)
			}
			for what, got := range map[string]string{"YAML": string(yaml), "report": res.Report.String(), "JSON": string(report), "export": string(alone), "result": fmt.Sprintf("%+v", res)} {
				if strings.Contains(got, secret) {
					t.Errorf("%s holds the secret:\n%s", what, got)
				}
			}
			res.Policy.Rules = append(res.Policy.Rules, policy.Rule{Name: "new", Action: "deny"})
			if out, err := Export(&res.Policy, tree); err != nil || strings.Count(string(out), secret) != strings.Count(text, secret) {
				t.Errorf("the file's own bytes: %v\n%s", err, out)
			}
		})
	}
	for _, harmless := range []string{"Content-Type", "Accept", "k", "sysparm_display_value"} {
		if secretName(harmless) {
			t.Errorf("%s is taken for a credential", harmless)
		}
	}
}

// TestExportNames: what PAN-OS names and a policy does not, VNI lists, patterns,
// kinds of flood protection, is not left behind when it changes or goes.
func TestExportNames(t *testing.T) {
	const file = `<config version="10.1.0"><devices><entry name="localhost.localdomain"><vsys><entry name="vsys1">
<profiles>
  <data-filtering><entry name="d"><rules><entry name="cards"><data-object>p1</data-object><alert-threshold>1</alert-threshold></entry><entry name="ids"><data-object>p2</data-object><alert-threshold>1</alert-threshold></entry></rules></entry></data-filtering>
  <dos-protection><entry name="f"><type>aggregate</type><flood><tcp-syn><enable>yes</enable><syn-cookies><alarm-rate>1</alarm-rate><activate-rate>2</activate-rate><maximal-rate>3</maximal-rate></syn-cookies></tcp-syn></flood></entry></dos-protection>
</profiles>
<rulebase><tunnel-inspect><rules><entry name="t"><from><member>any</member></from><to><member>any</member></to><source><member>any</member></source><destination><member>any</member></destination><source-user><member>any</member></source-user><application><member>vxlan</member></application><tunnel-id><vni><entry name="prod"><id>100-199</id></entry><entry name="test"><id>7</id></entry></vni></tunnel-id></entry></rules></tunnel-inspect></rulebase>
</entry></vsys></entry></devices></config>`
	_, first := imported(t, file)
	if len(first.Policy.TunnelInspection) != 1 || len(first.Policy.TunnelInspection[0].VNIs) != 2 || len(first.Policy.Profiles.Data) != 1 || len(first.Policy.Profiles.DoS) != 1 {
		t.Fatalf("%+v", first.Policy)
	}
	for name, change := range map[string]func(*policy.Document){
		"another VNI":    func(d *policy.Document) { d.TunnelInspection[0].VNIs = []string{"5"} },
		"no VNI":         func(d *policy.Document) { d.TunnelInspection[0].VNIs = nil },
		"a pattern less": func(d *policy.Document) { d.Profiles.Data[0].Patterns = d.Profiles.Data[0].Patterns[1:] },
		"no pattern":     func(d *policy.Document) { d.Profiles.Data[0].Patterns = nil },
		"another rate": func(d *policy.Document) {
			for kind, r := range d.Profiles.DoS[0].Flood {
				r.Alarm = 50
				d.Profiles.DoS[0].Flood[kind] = r
			}
		},
		"no flood": func(d *policy.Document) { d.Profiles.DoS[0].Flood = nil },
	} {
		t.Run(name, func(t *testing.T) {
			tree, res := imported(t, file)
			change(&res.Policy)
			out, err := Export(&res.Policy, tree)
			if err != nil {
				t.Fatal(err)
			}
			if _, back := imported(t, string(out)); !reflect.DeepEqual(back.Policy.TunnelInspection, res.Policy.TunnelInspection) ||
				!reflect.DeepEqual(back.Policy.Profiles, res.Policy.Profiles) {
				t.Errorf("the export reads as\n%+v\n%+v\n%s", back.Policy.TunnelInspection, back.Policy.Profiles, out)
			}
		})
	}
}
