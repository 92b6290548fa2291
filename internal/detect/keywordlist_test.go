package detect

import (
	"slices"
	"testing"
)

// TestKeywords checks entries of each kind.
func TestKeywords(t *testing.T) {
	list := Keywords(testConfig().Registry)
	if !slices.IsSortedFunc(list, func(a, b Keyword) int {
		if a.Name < b.Name {
			return -1
		}
		return 0
	}) {
		t.Error("not sorted")
	}
	for _, c := range []struct {
		name, kind, proto string
		state             State
		reason            bool
	}{
		{"content", "keyword", "", Active, false},
		{"tag", "keyword", "", Active, true},
		{"lua", "keyword", "", Refused, true},
		{"ip.src", "buffer", "", Active, false},
		{"fake.line", "buffer", "fake", Active, false},
		{"fake_l", "buffer", "fake", Active, false},
		{"fake_line", "modifier", "fake", Active, false},
		{"fake.code", "keyword", "fake", Active, false},
		{"smb.*", "keyword", "smb", Inactive, true},
		{"dce_iface", "keyword", "dcerpc", Inactive, true},
	} {
		i := slices.IndexFunc(list, func(k Keyword) bool { return k.Name == c.name })
		if i < 0 {
			t.Errorf("%s: not there", c.name)
			continue
		}
		k := list[i]
		p := ""
		if len(k.Protocols) > 0 {
			p = k.Protocols[0]
		}
		if k.Kind != c.kind || k.State != c.state || (k.Reason != "") != c.reason || p != c.proto {
			t.Errorf("%s: got %+v", c.name, k)
		}
	}
}
