package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("SANDBOX_TEST_DIR"); dir != "" {
		os.Exit(inside(dir))
	}
	os.Exit(m.Run())
}

// inside is a process that puts itself into the sandbox, and tries.
func inside(dir string) int {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s, err := Apply(Rules{Write: []string{filepath.Join(dir, "mine")}})
	fmt.Println("status:", s, err)
	if s.Landlock == 0 {
		return 0
	}
	failed := 0
	try := func(what string, allowed bool, err error) {
		denied := errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EPERM)
		if allowed && err != nil || !allowed && !denied {
			fmt.Printf("%s: allowed should be %v: %v\n", what, allowed, err)
			failed = 1
		}
	}
	write := func(path string) error { return os.WriteFile(filepath.Join(dir, path), []byte("x"), 0o600) }
	try("write mine", true, write("mine/a"))
	try("mkdir mine", true, os.Mkdir(filepath.Join(dir, "mine", "b"), 0o700))
	try("rename mine", true, os.Rename(filepath.Join(dir, "mine", "a"), filepath.Join(dir, "mine", "b", "a")))
	try("write other", false, write("other/a"))
	_, err = os.ReadFile(filepath.Join(dir, "other", "secret"))
	try("read other", true, err)
	try("remove other", false, os.Remove(filepath.Join(dir, "other", "secret")))
	try("execute", false, exec.Command("/bin/true").Run())
	if s.Landlock >= 4 {
		_, err = net.Dial("tcp4", ln.Addr().String())
		try("connect", false, err)
	}
	if !s.NoNewPrivs {
		fmt.Println("new privileges are possible")
		failed = 1
	}
	return failed
}

func TestApply(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"mine", "other"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "other", "secret"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "SANDBOX_TEST_DIR="+dir)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "no Landlock") {
		t.Skipf("this kernel has no Landlock: %s", out)
	}
	t.Logf("%s", out)
}
