package config

import (
	"strings"
	"testing"
)

// TestSourceSecrets: publishers' access codes stand in their URLs, which no
// complaint shows.
func TestSourceSecrets(t *testing.T) {
	for _, text := range []string{
		"rules:\n  sources:\n    - name: a\n      url: ftp://u:s3cr3t@h/x\n",
		"rules:\n  sources:\n    - {name: a, url: ftp://h/s3cr3t}\n",
		"rules:\n  sources:\n    - {name: a b, url: https://h/s3cr3t}\n",
		"rules:\n  sources:\n    - {url: https://h/s3cr3t, name: a b}\n",
		"rules:\n  sources:\n    - {name: a, url: [s3cr3t]}\n",
		"rules:\n  sources:\n    - {name: a, url: https://h/x, checksum_url: s3cr3t}\n",
		"rules:\n  sources:\n    - {name: a, urk: s3cr3t}\n",
		"rules:\n  sources:\n    - {name: a, url: https://h/s3cr3t, sha256: 1}\n",
	} {
		_, err := Parse("f.yaml", []byte("version: 1\n"+text))
		if err == nil || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestRuleLists(t *testing.T) {
	c, err := Parse("f.yaml", []byte(`version: 1
rules:
  sources: [{name: a, path: /a, sha256: ""}]
  disable: [2019401, "re:x"]
  modify: ['1 "a" "b"']
`))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Rules.RuleSources(); len(s) != 1 || s[0].Name != "a" || s[0].Path != "/a" {
		t.Errorf("%+v", s)
	}
	if d := c.Rules.List("disable"); len(d) != 2 || d[0] != "2019401" {
		t.Errorf("%q", d)
	}
}
