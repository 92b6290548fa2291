package archtest

import (
	"bytes"
	"go/ast"
	"go/format"
	"slices"
	"strings"
)

// rooms lists the folders of internal in the order data flows. A package
// imports only what stands before its own room, and base. It is a statement of
// policy: a change here is a change of DESIGN §2.
func rooms() []string {
	return []string{
		"base", "packet", "traffic", "capture", "flow", "match", "rule", "proto",
		"appid", "detect", "policy", "record", "rulesource", "config", "bus", "evidence", "sensor", "store",
		"cloud", "respond", "replay", "demo", "report", "console", "cli",
	}
}

// plugins are the rooms whose folders don't know each other.
func plugins() []string { return []string{"proto", "capture", "respond"} }

// packetPath are the rooms that use the standard library only, but for
// allowed, and have packet time as their only clock.
func packetPath() []string {
	return []string{"packet", "flow", "match", "rule", "proto", "appid", "detect"}
}

// allowed lists the libraries that a room of the packet path may use: DESIGN
// §8. appid reads its catalogue from YAML before the first packet.
func allowed(room string) []string {
	libs := []string{
		"github.com/dlclark/regexp2", "github.com/gaissmai/bart", "github.com/klauspost/compress",
		"github.com/andybalholm/brotli", "golang.org/x/sys", "golang.org/x/net/bpf",
	}
	if room == "appid" {
		libs = append(libs, "go.yaml.in/yaml")
	}
	return libs
}

// embedded are the packages that hold files; cli alone imports them and hands
// their fs.FS to who needs it.
func embedded() []string { return []string{"web", "rules", "apps"} }

const (
	maxFile = 600 // lines
	maxMain = 30
)

// rule is one check over the whole tree.
type rule struct {
	name  string
	check func(*tree)
}

func rules() []rule {
	return []rule{
		{"order", checkOrder}, {"sibling", checkSiblings}, {"cli", checkCLI},
		{"main", checkMain}, {"kit", checkKits}, {"library", checkLibraries},
		{"clock", checkClock}, {"length", checkLength}, {"doc", checkDocs},
		{"init", checkInit}, {"mutable", checkMutable}, {"format", checkFormat},
		{"promise", checkPromises},
	}
}

// checkOrder holds production files to the order of the rooms; tests may look
// anywhere.
func checkOrder(t *tree) {
	order := rooms()
	for _, s := range t.sources {
		from := room(s.path)
		at := slices.Index(order, from)
		if from != "" && at < 0 {
			t.report(s, s.ast.Name, "order", "room %s has no place in the order", from)
		}
		if s.test || at < 0 {
			continue
		}
		for p, spec := range s.imports() {
			to := room(p)
			if from == "cli" && slices.Contains(embedded(), p) {
				continue
			}
			if to == "" {
				t.report(s, spec, "order", "%s imports %s from outside internal", from, p)
			} else if n := slices.Index(order, to); n > at || n < 0 {
				t.report(s, spec, "order", "%s imports %s, which comes later", from, to)
			}
		}
	}
}

// checkSiblings keeps plugins apart: they share what lies in internal/<room>
// itself and in its own internal folder. proto/all is the list of them all.
func checkSiblings(t *tree) {
	for _, s := range t.sources {
		from := room(s.path)
		if !slices.Contains(plugins(), from) {
			continue
		}
		root := "internal/" + from
		own := plugin(root, s.dir)
		if own == "all" {
			continue
		}
		for p, spec := range s.imports() {
			to := plugin(root, p)
			shared := to == "" || to == own || to == "internal" || testKit(to) && s.test
			if !shared {
				t.report(s, spec, "sibling", "%s imports its sibling %s", s.dir, p)
			}
		}
	}
}

// plugin is the first folder below root in p, "" for root and for elsewhere.
func plugin(root, p string) string {
	rest, ok := strings.CutPrefix(p, root+"/")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func checkCLI(t *tree) {
	for _, s := range t.sources {
		for p, spec := range s.imports() {
			if room(p) == "cli" && room(s.path) != "cli" && s.dir != "cmd/mirrorwall" {
				t.report(s, spec, "cli", "only cmd/mirrorwall imports cli")
			}
		}
	}
}

func checkMain(t *tree) {
	total := 0
	var last *source
	for _, s := range t.sources {
		if s.dir == "cmd/mirrorwall" && !s.test {
			total, last = total+lines(s.text), s
		}
	}
	if total > maxMain {
		t.report(last, nil, "main", "%d lines, want at most %d", total, maxMain)
	}
}

// checkKits keeps test kits, and what only they need, out of the product.
func checkKits(t *tree) {
	for _, s := range t.sources {
		if s.test || testKit(s.dir) {
			continue
		}
		for _, spec := range s.ast.Imports {
			p := importPath(spec)
			ours := strings.HasPrefix(p, module) && testKit(p)
			if ours || p == "testing" || strings.HasPrefix(p, "testing/") {
				t.report(s, spec, "kit", "%s is for tests", p)
			}
		}
	}
}

func checkLibraries(t *tree) {
	for _, s := range t.sources {
		if s.test || testKit(s.dir) || !slices.Contains(packetPath(), room(s.path)) {
			continue
		}
		for _, spec := range s.ast.Imports {
			p := importPath(spec)
			first, _, _ := strings.Cut(p, "/")
			if !strings.Contains(first, ".") || strings.HasPrefix(p, module) {
				continue
			}
			ok := slices.ContainsFunc(allowed(room(s.path)), func(lib string) bool {
				return p == lib || strings.HasPrefix(p, lib+"/")
			})
			if !ok {
				t.report(s, spec, "library", "%s in the packet path", p)
			}
		}
	}
}

func checkClock(t *tree) {
	for _, s := range t.sources {
		if s.test || testKit(s.dir) || !slices.Contains(packetPath(), room(s.path)) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if ok && x.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since") {
				t.report(s, n, "clock", "time.%s: packet time is the only clock", sel.Sel.Name)
			}
			return true
		})
	}
}

func checkLength(t *tree) {
	for _, s := range t.sources {
		if n := lines(s.text); n > maxFile {
			t.report(s, nil, "length", "%d lines, want at most %d", n, maxFile)
		}
	}
}

func checkDocs(t *tree) {
	for _, pkg := range t.packages() {
		documented := slices.ContainsFunc(pkg, func(s *source) bool {
			return s.ast.Doc != nil && strings.TrimSpace(s.ast.Doc.Text()) != ""
		})
		if !documented {
			t.report(pkg[0], pkg[0].ast.Name, "doc", "package %s has no comment", pkg[0].ast.Name.Name)
		}
	}
}

func checkInit(t *tree) {
	for _, s := range t.sources {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.report(s, f, "init", "nothing runs before main")
			}
		}
	}
}

func checkFormat(t *tree) {
	for _, s := range t.sources {
		out, err := format.Source(s.text)
		if err != nil || !bytes.Equal(out, s.text) {
			t.report(s, nil, "format", "gofmt would change it")
		}
	}
}

// checkPromises refuses comments that put work off.
func checkPromises(t *tree) {
	words := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	for _, s := range t.sources {
		for _, g := range s.ast.Comments {
			for _, c := range g.List {
				for _, w := range words {
					if hasWord(c.Text, w) {
						t.report(s, c, "promise", "%s", w)
					}
				}
			}
		}
	}
}

// hasWord finds w where no letter touches it.
func hasWord(text, w string) bool {
	for i := 0; ; {
		n := strings.Index(text[i:], w)
		if n < 0 {
			return false
		}
		i += n
		before, after := i == 0 || !letter(text[i-1]), i+len(w) == len(text) || !letter(text[i+len(w)])
		if before && after {
			return true
		}
		i++
	}
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80 }
