package appid

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite docs/apps.md")

const docFile = "../../docs/apps.md"

// how says in words what tells an application.
func how(a *App) string {
	m := &a.match
	var w []string
	add := func(n int, what string) {
		if n > 0 {
			w = append(w, what)
		}
	}
	add(len(m.Decoders), "decoder")
	add(len(m.DecoderPorts), "decoder and port")
	add(len(m.Hosts), "host name")
	add(len(m.AWSServices), "AWS service label")
	add(len(m.ALPN), "ALPN")
	add(len(m.Certs), "certificate")
	add(len(m.Agents), "user agent")
	add(len(m.HTTP), "HTTP transaction")
	add(len(m.IPProtos)+len(m.ICMPTypes), "IP protocol")
	add(len(m.First), "first bytes")
	return strings.Join(w, ", ")
}

func appsDoc(c *Catalogue) string {
	var b strings.Builder
	b.WriteString("# Applications\n\nWritten by `go test ./internal/appid -run TestAppsDoc -update` from `apps/*.yaml`. " +
		"A port only confirms what the\nbytes, a host name or a decoder say.\n\n" +
		"| Application | Category | Subcategory | Technology | Risk | Ports | Told by | What it is |\n" +
		"|---|---|---|---|---|---|---|---|\n")
	for _, a := range c.Apps() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %s | %s | %s |\n", a.Name, a.Category, a.Subcategory,
			a.Technology, a.Risk, strings.Join(a.Ports, " "), how(a), a.Description)
	}
	fmt.Fprintf(&b, "\n%d applications. Flows without one are `%s`, `%s`, `%s`, `%s` or `%s`.\n",
		len(c.Apps()), Incomplete, InsufficientData, UnknownTCP, UnknownUDP, NotApplicable)
	return b.String()
}

// TestAppsDoc fails when docs/apps.md is not what the catalogue says.
func TestAppsDoc(t *testing.T) {
	want := appsDoc(load(t))
	if *update {
		if err := os.WriteFile(docFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(docFile)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, string(got)); d != "" {
		t.Errorf("docs/apps.md is stale, run with -update:\n%.2000s", d)
	}
}
