package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/config"
	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/respond"
	actions "github.com/mirrorwall/mirrorwall/internal/respond/all"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// checkConfig complains about what only the rooms that use it can judge:
// actions and their settings, rule variables, patterns of rule files.
func checkConfig(c *config.Config, k *config.Checker) {
	for i, pattern := range c.Rules.Files {
		if _, err := ruleFiles([]string{pattern}); err != nil {
			k.Add(config.At("rules", "files", i), ruleFilesHint, "%v", err)
		}
	}
	for i, pattern := range c.Rules.Thresholds {
		if _, err := thresholdFiles([]string{pattern}); err != nil {
			k.Add(config.At("rules", "thresholds", i), thresholdFilesHint, "%v", err)
		}
	}
	checkConfigVars(c, k)
	checkActions(c, k)
	checkPolicy(c, k)
	checkForwarding(c, k)
	checkRoles(c, k)
}

// checkActions is the part of checkConfig that matters to who delivers.
func checkActions(c *config.Config, k *config.Checker) {
	for i := range c.Respond {
		checkAction(&c.Respond[i], config.At("respond", i), k)
	}
}

func checkConfigVars(c *config.Config, k *config.Checker) {
	for _, p := range varProblems(withVars(detect.DefaultVars(), c.Vars)) {
		k.AddAt(config.At("vars", p.group, p.name), p.offset, p.hint, "%v", p)
	}
	for i, t := range c.Tenants {
		for _, p := range varProblems(withVars(withVars(detect.DefaultVars(), c.Vars), t.Vars)) {
			// The document's own are told above.
			if path := config.At("tenants", i, "vars", p.group, p.name); k.Has(path) {
				k.AddAt(path, p.offset, p.hint, "tenant %s: %v", t.Name, p)
			}
		}
	}
}

// checkAction makes an action only to see what is wrong with its settings.
func checkAction(r *config.Respond, path []any, k *config.Checker) {
	if r.Action == "" {
		return // complained about already
	}
	d, ok := actionNamed(r.Action)
	if !ok {
		hint := ""
		if near := rule.Nearest(r.Action, actionNames()); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		}
		k.Add(slices.Concat(path, config.At("action")), hint, "respond: %s: action: want one of %s, got %q", r.Name, strings.Join(actionNames(), ", "), r.Action)
		return
	}
	with, complete := slices.Concat(path, config.At("with")), true
	_, err := d.New(func(into any) error {
		complete = k.Decode(with, into)
		return nil
	})
	for _, err := range parts(err) {
		var se *respond.SettingError
		var te *respond.TemplateError
		if !errors.As(err, &se) {
			k.Add(with, "", "respond: %s: %s: %v", r.Name, d.Name, err)
			continue
		}
		at := slices.Concat(with, config.At(se.Key))
		switch {
		case !k.Has(at) && !complete:
			// It may be what the misspelt key was meant to be.
		case errors.As(err, &te):
			k.AddAt(at, te.Offset, "", "respond: %s: %s: %s: %v", r.Name, d.Name, se.Key, te.Err)
		default:
			k.Add(at, "", "respond: %s: %s: %v", r.Name, d.Name, err)
		}
	}
}

// parts are the errors of a join, err itself when it is none.
func parts(err error) []error {
	if err == nil {
		return nil
	}
	if all := joined(err); all != nil {
		return all
	}
	return []error{err}
}

// actionNamed finds an action by its word in the configuration.
func actionNamed(name string) (respond.Descriptor, bool) {
	for _, d := range actions.Actions() {
		if d.Name == name {
			return d, true
		}
	}
	return respond.Descriptor{}, false
}

func actionNames() []string {
	var out []string
	for _, d := range actions.Actions() {
		out = append(out, d.Name)
	}
	return out
}

const ruleFilesHint = "name files or patterns such as /etc/mirrorwall/rules/*.rules"

// ruleFiles expands the patterns of the configuration.
func ruleFiles(patterns []string) ([]string, error) {
	var out []string
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil || len(names) == 0 {
			return nil, fail(fmt.Errorf("rules: files: no file matches %s", p), ruleFilesHint)
		}
		out = append(out, names...)
	}
	return out, nil
}
