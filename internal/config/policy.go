package config

import (
	"fmt"
	"slices"

	"github.com/mirrorwall/mirrorwall/internal/policy"
	"github.com/mirrorwall/mirrorwall/internal/record"
)

// CheckPolicy compiles the policy in the world of env and tells each problem at
// its place: errors, and what is hardly meant as warnings. It says nothing of a
// policy in which something is wrong already.
func CheckPolicy(env policy.Env) Check {
	return func(c *Config, k *Checker) {
		if k.Broken("policy") {
			return
		}
		_, problems := policy.Compile(&c.Policy, env)
		for _, p := range problems {
			path := slices.Concat(At("policy"), p.Path)
			if p.Warning {
				k.Warn(path, p.Hint, "policy: %s", p.Msg)
			} else {
				k.Add(path, p.Hint, "policy: %s", p.Msg)
			}
		}
	}
}

// allLogs is PAN-OS's filter that every record passes.
const allLogs = "All Logs"

// foreignLogs are logs of PAN-OS, and of this program's own doings, that no
// record of a flow comes in: imported match lists may name them.
func foreignLogs() []string {
	return []string{
		"auth", "config", "data", "decryption", "globalprotect", "gtp", "hipmatch", "iptag", "sctp", "tunnel", "userid", "wildfire",
	}
}

// validatePolicy checks what of the policy other rooms own: the filters of match
// lists.
func (c *Config) validatePolicy(k *Checker) {
	for i, f := range c.Policy.LogForwarding {
		for j, m := range f.Match {
			where := fmt.Sprintf("policy: log forwarding %q: %s", f.Name, m.Name)
			path := At("policy", "log_forwarding", i, "match", j)
			if !slices.Contains(record.Logs(), m.Log) && slices.Contains(foreignLogs(), m.Log) {
				k.Warn(slices.Concat(path, At("log")), "", "%s: no record of a flow comes in log %s", where, m.Log)
				continue
			}
			checkLog(k, slices.Concat(path, At("log")), m.Log, where)
			if m.Filter != allLogs {
				checkFilter(k, slices.Concat(path, At("filter")), m.Filter, where)
			}
		}
	}
}
