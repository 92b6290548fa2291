package doctest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const cliIntro = `# Commands

Written by ` + "`go test ./internal/base/doctest -update`" + ` from the help of each command.

Exit status: 0 done · 1 failed · 2 the command line was wrong · 3 checked, and found wanting · 130 interrupted. Refused rules
and captures with a damaged end only warn; with ` + "`--strict`" + ` they make the status 1. Errors say what, where and why, with a ` + "`hint:`" + ` line.
`

// TestCommands keeps docs/cli.md: the help of every command of the real
// binary, found from the top. Only cmd/mirrorwall may import the command line,
// so the binary is built.
func TestCommands(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "mirrorwall")
	build := exec.Command("go", "build", "-o", bin, "./cmd/mirrorwall")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	text := cliIntro
	commands := 0
	queue := [][]string{nil}
	for len(queue) > 0 {
		path := queue[0]
		help := help(t, bin, path)
		commands++
		text += "\n## " + strings.Join(append([]string{"mirrorwall"}, path...), " ") + "\n\n```console\n" + help + "```\n"
		var sub [][]string
		for _, name := range subcommands(help) {
			sub = append(sub, append(append([]string{}, path...), name))
		}
		queue = append(sub, queue[1:]...)
	}
	if commands < 5 {
		t.Fatalf("only %d commands", commands)
	}
	if *update {
		write(t, "docs/cli.md", text)
		return
	}
	have, err := os.ReadFile(filepath.Join(root, "docs/cli.md"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), text); d != "" {
		t.Errorf("docs/cli.md: go test ./internal/base/doctest -update writes it (-have +want):\n%s", d)
	}
}

func help(t *testing.T, bin string, path []string) string {
	t.Helper()
	out, err := exec.Command(bin, append(append([]string{}, path...), "--help")...).CombinedOutput()
	if err != nil {
		t.Fatalf("mirrorwall %s --help: %v\n%s", strings.Join(path, " "), err, out)
	}
	var lines []string
	for l := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimRight(l, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}

// subcommands are the names in the list of a help text.
func subcommands(help string) []string {
	_, list, _ := strings.Cut(help, "Available Commands:\n")
	var out []string
	for l := range strings.Lines(list) {
		words := strings.Fields(l)
		if len(words) == 0 {
			break
		}
		if words[0] != "help" && words[0] != "completion" {
			out = append(out, words[0])
		}
	}
	return out
}
