package doctest

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/apps"
	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/respond/webhook"
	"github.com/mirrorwall/mirrorwall/internal/sensor"
)

// row is "| `key` | … | `default` | …", the cells of a table's line.
func row(d *document, key string) []string {
	for _, l := range d.lines {
		if strings.HasPrefix(l, "| `"+key+"` |") {
			return strings.Split(l, " | ")
		}
	}
	return nil
}

// TestConfigKeys wants a row for every key of the configuration, with its
// default.
func TestConfigKeys(t *testing.T) {
	d := read(t, "docs/config.md")
	n := 0
	walk("", reflect.ValueOf(*config.Default()), func(key string, def reflect.Value) {
		n++
		cells := row(d, key)
		if len(cells) < 4 {
			t.Errorf("%s: no row for `%s`", d.path, key)
			return
		}
		checkDefault(t, key, strings.Trim(cells[2], "`"), def)
	})
	if n < 20 {
		t.Fatalf("only %d keys", n)
	}
}

// checkDefault compares a documented default with the real one.
func checkDefault(t *testing.T, key, text string, def reflect.Value) {
	t.Helper()
	if text == "–" || key == "tenants.vars" || key == "version" {
		return
	}
	got := reflect.New(def.Type())
	if err := yaml.Unmarshal([]byte(text), got.Interface()); err != nil {
		t.Errorf("%s: default %s: %v", key, text, err)
		return
	}
	list := def.Kind() == reflect.Slice || def.Kind() == reflect.Map
	if list && def.Len() == 0 && got.Elem().Len() == 0 {
		return
	}
	if !reflect.DeepEqual(got.Elem().Interface(), def.Interface()) {
		t.Errorf("docs/config.md: %s: default is %v, says %s", key, def.Interface(), text)
	}
}

// walk visits every key that holds a value. Lists of structs are visited by
// their element's zero value.
func walk(prefix string, v reflect.Value, visit func(string, reflect.Value)) {
	for i := range v.NumField() {
		name, opt, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		switch {
		case opt == "inline":
			walk(prefix, v.Field(i), visit)
			continue
		case name == "":
			continue
		}
		key, f := prefix+name, v.Field(i)
		elem := f.Type()
		if elem.Kind() == reflect.Slice {
			elem = elem.Elem()
		}
		switch {
		case key == "tenants.vars" || !hasKeys(elem):
			visit(key, f)
		case f.Kind() == reflect.Slice:
			walk(key+".", reflect.Zero(elem), visit)
		default:
			walk(key+".", f, visit)
		}
	}
}

// hasKeys reports whether a type is a section, not a value.
func hasKeys(t reflect.Type) bool {
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[yaml.Node]() {
		return false
	}
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("yaml") != "" {
			return true
		}
	}
	return false
}

// TestWebhookKeys wants every setting of the webhook.
func TestWebhookKeys(t *testing.T) {
	text := read(t, "docs/respond.md").text()
	typ := reflect.TypeFor[webhook.Config]()
	for i := range typ.NumField() {
		if key := typ.Field(i).Tag.Get("yaml"); !strings.Contains(text, "`"+key+"`") {
			t.Errorf("docs/respond.md: %s is not described", key)
		}
	}
}

// setting is a key in a case of Settings.Set.
var setting = regexp.MustCompile(`"([a-z][a-zA-Z0-9-]*[.-][a-zA-Z0-9.-]*)"`)

// TestSettings compares the table of --set keys with the code, both ways.
func TestSettings(t *testing.T) {
	d := read(t, "docs/config.md")
	_, section, _ := strings.Cut(d.text(), "## Settings of `inspect`")
	src, err := os.ReadFile(filepath.Join(root, "internal/sensor/settings.go"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(src)) {
		if !strings.Contains(line, "case ") {
			continue
		}
		for _, m := range setting.FindAllStringSubmatch(line, -1) {
			n++
			if !strings.Contains(section, m[1]) {
				t.Errorf("%s: --set %s is not described", d.path, m[1])
			}
		}
	}
	if n < 8 {
		t.Fatalf("only %d settings found in the code", n)
	}
	cfg, err := sensor.DefaultConfig(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)`").FindAllStringSubmatch(section, -1) {
		err := sensor.NewSettings(cfg).Set(m[1], "1")
		if errors.Is(err, sensor.ErrUnknownSetting) {
			t.Errorf("%s: %s is no setting", d.path, m[1])
		}
	}
}

// TestLosses wants every cause of loss explained to who runs it.
func TestLosses(t *testing.T) {
	cfg, err := sensor.DefaultConfig(apps.FS)
	if err != nil {
		t.Fatal(err)
	}
	svc, err := sensor.NewService(sensor.ServiceConfig{Config: cfg}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	losses := append(svc.Loss(), sensor.NewWorker(cfg, nil, nil).Losses()...)
	if len(losses) < 10 {
		t.Fatalf("only %d causes", len(losses))
	}
	for _, path := range []string{"docs/operate/README.md", "ARCHITECTURE.md"} {
		text := read(t, path).text()
		for _, l := range losses {
			if !strings.Contains(text, "`"+l.Cause+"`") {
				t.Errorf("%s: %s is not described", path, l.Cause)
			}
		}
	}
}

// TestMakeTargets wants every target in CONTRIBUTING.md.
func TestMakeTargets(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	guide := read(t, "CONTRIBUTING.md").text()
	found := regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `).FindAllStringSubmatch(string(text), -1)
	if len(found) < 5 {
		t.Fatalf("only %d targets", len(found))
	}
	for _, m := range found {
		if !strings.Contains(guide, "`make "+m[1]+"`") {
			t.Errorf("CONTRIBUTING.md: make %s is not described", m[1])
		}
	}
}
