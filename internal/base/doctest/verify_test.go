package doctest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// message is one signed request, for the samples to judge.
type message struct {
	Body    string            `json:"body"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
}

// signed makes a request as the webhook action signs it, or with another body.
func signed(t *testing.T, forge bool) message {
	t.Helper()
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a key of thirty-two bytes, so it"))
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now, body := time.Now(), `{"severity":"high"}`
	sig, err := w.Sign("msg_1", now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	if forge {
		body = `{"severity":"low!"}`
	}
	return message{body, secret, map[string]string{
		"webhook-id": "msg_1", "webhook-timestamp": fmt.Sprint(now.Unix()), "webhook-signature": sig,
	}}
}

// sample is the only block of a language in docs/respond.md.
func sample(t *testing.T, lang string) string {
	t.Helper()
	var found []string
	for _, f := range read(t, "docs/respond.md").fences {
		if f.lang == lang {
			found = append(found, f.text)
		}
	}
	if len(found) != 1 {
		t.Fatalf("docs/respond.md: %d blocks of %s, want 1", len(found), lang)
	}
	return found[0]
}

const goMain = `
func main() {
	var m struct {
		Body, Secret string
		Headers      map[string]string
	}
	if err := json.Unmarshal([]byte(os.Args[1]), &m); err != nil {
		panic(err)
	}
	r, err := http.NewRequest("POST", "http://localhost/", strings.NewReader(m.Body))
	if err != nil {
		panic(err)
	}
	for k, v := range m.Headers {
		r.Header.Set(k, v)
	}
	body, err := Verify(r, m.Secret)
	fmt.Println(err == nil && string(body) == m.Body)
}
`

// TestVerifyGo runs the Go sample on a genuine and a forged request.
func TestVerifyGo(t *testing.T) {
	text := strings.Replace(sample(t, "go"), "package hook", "package main", 1)
	text = strings.Replace(text, "import (", "import (\n\t\"encoding/json\"\n\t\"fmt\"\n\t\"os\"", 1)
	dir := t.TempDir()
	file, bin := filepath.Join(dir, "main.go"), filepath.Join(dir, "verify")
	if err := os.WriteFile(file, []byte(text+goMain), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", bin, file).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	judge(t, "true\n", "false\n", bin)
}

const pyMain = `
import json, sys
m = json.loads(sys.argv[1])
print(verify(m["headers"], m["body"].encode(), m["secret"]))
`

// TestVerifyPython does the same with the Python sample.
func TestVerifyPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 to run the sample of docs/respond.md")
	}
	judge(t, "True\n", "False\n", python, "-c", sample(t, "python")+pyMain)
}

// judge runs a program on both messages.
func judge(t *testing.T, yes, no string, command ...string) {
	t.Helper()
	for want, m := range map[string]message{yes: signed(t, false), no: signed(t, true)} {
		arg, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command(command[0], append(command[1:], string(arg))...).CombinedOutput()
		if err != nil || string(out) != want {
			t.Errorf("got %q, %v; want %q", out, err, want)
		}
	}
}
