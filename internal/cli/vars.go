package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/detect"
	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// checkVars complains about each variable of the user's that can't be
// evaluated.
func checkVars(v detect.Vars) error {
	var errs []error
	for _, p := range varProblems(v) {
		errs = append(errs, fail(p, p.hint))
	}
	return errors.Join(errs...)
}

// varProblem is a variable that can't be evaluated.
type varProblem struct {
	group, name, text, msg, hint string
	offset                       int // into text
}

func (p *varProblem) Error() string {
	return fmt.Sprintf("vars.%s.%s: %q: %s", p.group, p.name, p.text, p.msg)
}

// varProblems evaluates each variable of the user's: left to the rules that use
// it, one slip would turn many of them off. The defaults that refer to it are
// not complained about as well.
func varProblems(v detect.Vars) (out []*varProblem) {
	def := detect.DefaultVars()
	addrs, ports := rule.NewResolver(v.AddressGroups), rule.NewResolver(v.PortGroups)
	out = groupProblems(out, "address-groups", v.AddressGroups, def.AddressGroups, rule.ParseAddresses, func(a *rule.Addresses) error {
		_, err := addrs.Addresses(a)
		return err
	})
	return groupProblems(out, "port-groups", v.PortGroups, def.PortGroups, rule.ParsePorts, func(p *rule.Ports) error {
		_, err := ports.Ports(p)
		return err
	})
}

// groupProblems appends the problems of one kind of variables.
func groupProblems[T any](out []*varProblem, group string, vars, def map[string]string, parse func(string, string) (T, error), resolve func(*T) error) []*varProblem {
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		text := vars[name]
		if text == def[name] {
			continue
		}
		_, bad := parse("", text)
		x, err := parse("", "$"+name)
		if err == nil {
			err = resolve(&x)
		}
		if err != nil {
			out = append(out, newVarProblem(group, name, text, bad, err))
		}
	}
	return out
}

// newVarProblem takes the error of the text itself, which has a place in it,
// before that of evaluating it.
func newVarProblem(group, name, text string, bad, err error) *varProblem {
	p := &varProblem{group: group, name: name, text: text, msg: err.Error(), hint: "for example [10.0.0.0/8,192.168.0.0/16], or for ports [80,8080]"}
	var re *rule.Error
	switch {
	case errors.As(bad, &re):
		p.msg, p.offset = re.Msg, re.Pos.Column-1
	case errors.As(err, &re):
		p.msg = re.Msg
	}
	if re != nil && re.Hint != "" {
		p.hint = re.Hint
	}
	return p
}
