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
// evaluated: left to the rules that use it, one slip would turn many of them
// off. The defaults that refer to it are not complained about as well.
func checkVars(v detect.Vars) error {
	var errs []error
	def := detect.DefaultVars()
	addrs, ports := rule.NewResolver(v.AddressGroups), rule.NewResolver(v.PortGroups)
	for _, name := range slices.Sorted(maps.Keys(v.AddressGroups)) {
		if v.AddressGroups[name] == def.AddressGroups[name] {
			continue
		}
		a, err := rule.ParseAddresses("vars", "$"+name)
		if err == nil {
			_, err = addrs.Addresses(&a)
		}
		errs = append(errs, varError("address-groups", name, v.AddressGroups[name], err))
	}
	for _, name := range slices.Sorted(maps.Keys(v.PortGroups)) {
		if v.PortGroups[name] == def.PortGroups[name] {
			continue
		}
		p, err := rule.ParsePorts("vars", "$"+name)
		if err == nil {
			_, err = ports.Ports(&p)
		}
		errs = append(errs, varError("port-groups", name, v.PortGroups[name], err))
	}
	return errors.Join(errs...)
}

func varError(group, name, text string, err error) error {
	if err == nil {
		return nil
	}
	msg, hint := err.Error(), "for example [10.0.0.0/8,192.168.0.0/16], or for ports [80,8080]"
	var re *rule.Error
	if errors.As(err, &re) {
		msg = re.Msg
		if re.Hint != "" {
			hint = re.Hint
		}
	}
	return fail(fmt.Errorf("vars.%s.%s: %q: %s", group, name, text, msg), hint)
}
