package panapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/mirrorwall/mirrorwall/internal/config/lifecycle"
	"github.com/mirrorwall/mirrorwall/internal/config/panos"
	"github.com/mirrorwall/mirrorwall/internal/console/access"
	"github.com/mirrorwall/mirrorwall/internal/policy"
)

// Files of the folder: what the candidate and the running configuration are as
// XML, for what a policy does not speak of; and imported ones, by name.
const (
	candidateFile = "candidate.xml"
	runningFile   = "running.xml"
	filesFolder   = "files"
	maxFiles      = 16
)

// tree gives a configuration as XML: the policy of its YAML in the XML that it
// came from. The caller holds mu.
func (h *Handler) tree(text []byte, file string) (*panos.Tree, error) {
	doc, err := panos.Policy(text)
	if err != nil {
		return nil, refuse(codeInvalid, "the candidate can't be read: %v", err)
	}
	var original *panos.Tree
	src, err := os.ReadFile(filepath.Join(h.d.Dir, file))
	if err == nil {
		original, err = panos.Parse(bytes.NewReader(src))
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out, err := panos.Export(doc, original)
	if err != nil {
		return nil, err
	}
	return panos.Parse(bytes.NewReader(out))
}

func (h *Handler) candidate() (*panos.Tree, error) {
	text, changed := h.d.Config.Candidate()
	if !changed {
		if err := h.follow(); err != nil {
			return nil, err
		}
	}
	return h.tree(text, candidateFile)
}

func (h *Handler) running() (*panos.Tree, error) {
	if _, changed := h.d.Config.Candidate(); !changed {
		if err := h.follow(); err != nil {
			return nil, err
		}
	}
	text, _ := h.d.Config.Running()
	return h.tree(text, runningFile)
}

// follow makes the running XML the candidate's, once that was committed.
func (h *Handler) follow() error {
	src, err := os.ReadFile(filepath.Join(h.d.Dir, candidateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if old, err := os.ReadFile(filepath.Join(h.d.Dir, runningFile)); err == nil && bytes.Equal(old, src) {
		return nil
	}
	return replaceFile(filepath.Join(h.d.Dir, runningFile), src)
}

func replaceFile(path string, text []byte) error {
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// take makes XML the candidate: its policy goes into the YAML, all else is kept
// beside it.
func (h *Handler) take(q *request, src []byte) error {
	t, err := panos.Parse(bytes.NewReader(src))
	if err != nil {
		return err
	}
	res, err := panos.Import(t)
	if err != nil {
		return err
	}
	text, _ := h.d.Config.Candidate()
	if old, err := panos.Policy(text); err != nil || !reflect.DeepEqual(old, &res.Policy) {
		var b bytes.Buffer
		e := yaml.NewEncoder(&b)
		e.SetIndent(2)
		err := e.Encode(struct {
			Policy *policy.Document `yaml:"policy"`
		}{&res.Policy})
		if err := errors.Join(err, e.Close()); err != nil {
			return err
		}
		next, err := lifecycle.ReplaceKey(text, "policy", b.Bytes())
		if err != nil {
			return err
		}
		if err := h.d.Config.SetCandidate(q.id.Name, next); err != nil {
			return err
		}
	}
	return replaceFile(filepath.Join(h.d.Dir, candidateFile), src)
}

// actions are those of type=config.
func actions() map[string]answer {
	edit := func(f func(*panos.Tree, panos.Path, *request) ([]byte, error)) func(*Handler, *request) (*reply, error) {
		return func(h *Handler, q *request) (*reply, error) { return h.edit(q, f) }
	}
	return map[string]answer{
		"get":  {access.ConfigRead, (*Handler).get},
		"show": {access.ConfigRead, (*Handler).show},
		"set": {access.ConfigEdit, edit(func(t *panos.Tree, p panos.Path, q *request) ([]byte, error) {
			return t.Set(p, q.Form.Get("element"))
		})},
		"edit": {access.ConfigEdit, edit(func(t *panos.Tree, p panos.Path, q *request) ([]byte, error) {
			return t.Replace(p, q.Form.Get("element"))
		})},
		"delete": {access.ConfigEdit, edit(func(t *panos.Tree, p panos.Path, _ *request) ([]byte, error) { return t.Remove(p) })},
		"rename": {access.ConfigEdit, edit(func(t *panos.Tree, p panos.Path, q *request) ([]byte, error) {
			return t.Rename(p, q.Form.Get("newname"))
		})},
		"move": {access.ConfigEdit, edit(func(t *panos.Tree, p panos.Path, q *request) ([]byte, error) {
			return t.Move(p, q.Form.Get("where"), q.Form.Get("dst"))
		})},
	}
}

func (h *Handler) config(q *request) (*reply, error) {
	a, ok := actions()[q.Form.Get("action")]
	if !ok {
		return nil, refuse(codeUnknown, "action=%s is not answered here; docs/xmlapi.md lists what is", short(q.Form.Get("action")))
	}
	if err := q.allowed(a.need); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return a.do(h, q)
}

func (h *Handler) edit(q *request, f func(*panos.Tree, panos.Path, *request) ([]byte, error)) (*reply, error) {
	path, err := panos.ParsePath(q.Form.Get("xpath"))
	if err != nil {
		return nil, err
	}
	t, err := h.candidate()
	if err != nil {
		return nil, err
	}
	src, err := f(t, path, q)
	if err != nil {
		return nil, err
	}
	if err := h.take(q, src); err != nil {
		return nil, err
	}
	return &reply{code: codeDone, msg: "command succeeded"}, h.audit(q, "config.edit", short(q.Form.Get("xpath")), "XML API: "+q.Form.Get("action"))
}

func (h *Handler) get(q *request) (*reply, error) {
	t, err := h.candidate()
	if err != nil {
		return nil, err
	}
	return found(t, q, codeMissing, true)
}

func (h *Handler) show(q *request) (*reply, error) {
	t, err := h.running()
	if err != nil {
		return nil, err
	}
	return found(t, q, codeMissing, false)
}

// found answers with the elements of a path. Nothing is an answer for get, and an
// error for show.
func found(t *panos.Tree, q *request, code string, empty bool) (*reply, error) {
	path, err := panos.ParsePath(q.Form.Get("xpath"))
	if err != nil {
		return nil, err
	}
	all := t.Select(path)
	if len(all) == 0 && !empty {
		return nil, refuse(code, "No such node")
	}
	if len(all) == 0 {
		return &reply{code: codeMissing}, nil
	}
	var b strings.Builder
	for _, n := range all {
		b.Write(t.Raw(n))
	}
	return &reply{code: codeJob, result: b.String()}, nil
}

func (h *Handler) showRunning(*request) (*reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := h.running()
	if err != nil {
		return nil, err
	}
	return &reply{result: string(t.Raw(t.Config))}, nil
}

func (h *Handler) showCandidate(*request) (*reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := h.candidate()
	if err != nil {
		return nil, err
	}
	return &reply{result: string(t.Raw(t.Config))}, nil
}

func (h *Handler) export(q *request) (*reply, error) {
	if c := q.Form.Get("category"); c != "configuration" {
		return nil, refuse(codeUnknown, "category=%s is not exported here; want configuration", short(c))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := h.running()
	if err != nil {
		return nil, err
	}
	return &reply{raw: t.Bytes()}, nil
}

// fileName is a name as a file of the folder, or an error.
func (h *Handler) fileName(name string) (string, error) {
	if name == "" || len(name) > 64 || name[0] == '.' || strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	}) {
		return "", refuse(codeInvalid, "%q is no name for a configuration: letters, digits, dot, dash and underscore, at most 64", short(name))
	}
	return filepath.Join(h.d.Dir, filesFolder, name), nil
}

// keepFile keeps a file under a name, one more only while there is room.
func (h *Handler) keepFile(name string, src []byte) error {
	path, err := h.fileName(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil && len(list) >= maxFiles {
		return refuse(codeInvalid, "%d configurations are kept, the most there can be: save over one of them", maxFiles)
	}
	return replaceFile(path, src)
}

func (h *Handler) importFile(q *request) (*reply, error) {
	if c := q.Form.Get("category"); c != "configuration" {
		return nil, refuse(codeUnknown, "category=%s is not imported here; want configuration", short(c))
	}
	parts, err := q.MultipartReader()
	if err != nil {
		return nil, refuse(codeMalformed, "want a file, as multipart/form-data")
	}
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil, refuse(codeMalformed, "want a part named file")
		}
		if part.FormName() != "file" {
			continue
		}
		src, err := io.ReadAll(io.LimitReader(part, panos.MaxBytes+1))
		if err != nil {
			return nil, refuse(codeMalformed, "the file could not be read whole")
		}
		// What can't be loaded is refused now.
		t, err := panos.Parse(bytes.NewReader(src))
		if err == nil {
			_, err = panos.Import(t)
		}
		if err != nil {
			return nil, err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err := h.keepFile(part.FileName(), src); err != nil {
			return nil, err
		}
		return &reply{msg: part.FileName() + " saved"}, h.audit(q, "config.import", part.FileName(), "")
	}
}

func (h *Handler) load(q *request) (*reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if q.cmd.text == "running-config.xml" {
		return h.reverted(q)
	}
	path, err := h.fileName(q.cmd.text)
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(codeMissing, "%s does not exist", q.cmd.text)
	}
	if err == nil {
		err = h.take(q, src)
	}
	if err != nil {
		return nil, err
	}
	return done(fmt.Sprintf("Config loaded from %s", q.cmd.text)), h.audit(q, "config.load", q.cmd.text, "XML API")
}

func (h *Handler) save(q *request) (*reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, err := h.candidate()
	if err != nil {
		return nil, err
	}
	if err := h.keepFile(q.cmd.text, t.Bytes()); err != nil {
		return nil, err
	}
	return done("Config saved to " + q.cmd.text), h.audit(q, "config.save", q.cmd.text, "XML API")
}

func (h *Handler) revert(q *request) (*reply, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reverted(q)
}

func (h *Handler) reverted(q *request) (*reply, error) {
	if err := h.d.Config.Revert(q.id.Name); err != nil {
		return nil, err
	}
	src, err := os.ReadFile(filepath.Join(h.d.Dir, runningFile))
	if err == nil {
		err = replaceFile(filepath.Join(h.d.Dir, candidateFile), src)
	} else if errors.Is(err, fs.ErrNotExist) {
		if err = os.Remove(filepath.Join(h.d.Dir, candidateFile)); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		return nil, err
	}
	return done("Config reverted"), h.audit(q, "config.revert", "candidate", "XML API")
}
