package sensor

import (
	"path/filepath"
	"syscall"
	"testing"
)

// TestRuleFileIsRegular: what a rule names is read only where that ends. A rule
// that names a pipe would hold up the load of all rules, without end.
func TestRuleFileIsRegular(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "list")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{pipe, "list", "/dev/zero", "."} {
		if _, err := (RuleFiles{}).Read(filepath.Join(dir, "a.rules"), name, false); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}
