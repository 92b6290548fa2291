package doctest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/proto"
	"github.com/mirrorwall/mirrorwall/internal/proto/all"
)

const keywordsIntro = `# Keywords

Written by ` + "`go test ./internal/base/doctest -update`" + ` from the compiler's own lists. Meanings are Suricata 8's.

- **active**: rules with it run; a remark says what it does not do here.
- **inactive**: it belongs to a protocol without a parser; rules with it load when there is one.
- **refused**: rules with it are refused, with the reason.

| Keyword | Kind | Of | State | Remark |
|---|---|---|---|---|
`

// TestKeywords keeps docs/rules/keywords.md.
func TestKeywords(t *testing.T) {
	list := detect.Keywords(proto.NewRegistry(all.Protocols()))
	if len(list) < 200 {
		t.Fatalf("only %d keywords", len(list))
	}
	text := keywordsIntro
	for _, k := range list {
		text += strings.ReplaceAll(fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", k.Name, k.Kind, strings.Join(k.Protocols, ", "), k.State, k.Reason), "|  |", "| |")
	}
	text = strings.ReplaceAll(text, "|  |", "| |")
	const path = "docs/rules/keywords.md"
	if *update {
		write(t, path, text)
		return
	}
	have, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(have), text); d != "" {
		t.Errorf("%s: go test ./internal/base/doctest -update writes it (-have +want):\n%s", path, d)
	}
}
