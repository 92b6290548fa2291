package detect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

// unmet says that a rule requires something that is not here. Its author meant
// it to be skipped then, so it is no mistake.
type unmet struct{ what string }

func (u *unmet) Error() string { return "requires: " + u.what }

// requirements reads the rule's requires options before anything else of it: a
// rule that is not meant for this program may hold words that it does not know
// (Suricata 8).
func (b *builder) requirements() (*rule.Option, error) {
	for i := range b.opts {
		o := &b.opts[i]
		if o.Name != "requires" {
			continue
		}
		if err := b.requires(o.Value); err != nil {
			return o, err
		}
	}
	return nil, nil
}

// wanted reports a rule whose requirements are met, or can't be read.
func (c *compiler) wanted(r *rule.Rule) bool {
	_, err := c.builder(r).requirements()
	var not *unmet
	return !errors.As(err, &not)
}

// requires reads "feature x, version >= 7.0.3 < 8 | >= 8.0.1, keyword y". A
// word that is not known is a requirement that is not met.
func (b *builder) requires(value string) error {
	for _, a := range splitArgs(value) {
		word, arg, _ := strings.Cut(a, " ")
		arg = strings.TrimSpace(arg)
		if arg == "" {
			return refuse(fmt.Sprintf("requires: want version, feature or keyword and its value, got %q", a),
				"requires:version >= 8.0.0, keyword tls.sni")
		}
		switch word {
		case "version":
			ok, err := versionHolds(arg)
			if err != nil {
				return err
			}
			if !ok {
				return &unmet{fmt.Sprintf("version %s; the language here is that of %d.%d.%d", arg,
					suricataVersion()[0], suricataVersion()[1], suricataVersion()[2])}
			}
		case "keyword":
			if !b.c.hasKeyword(arg) {
				return &unmet{fmt.Sprintf("keyword %q is not known here", arg)}
			}
		case "feature":
			if !b.c.hasFeature(arg) {
				return &unmet{fmt.Sprintf("feature %q is not here", arg)}
			}
		default:
			return &unmet{fmt.Sprintf("%q is not known here", word)}
		}
	}
	return nil
}

// hasKeyword reports a word that rules can use: some are known only to be
// refused with a better reason.
func (c *compiler) hasKeyword(name string) bool {
	k := c.words[name]
	return c.lookup(name) != nil && (k == nil || k.no == "")
}

// hasFeature answers for the features that Suricata names. Here a feature is
// there when its keyword is.
func (c *compiler) hasFeature(name string) bool {
	word, ok := map[string]string{"ja3": "ja3.hash", "ja4": "ja4.hash"}[name]
	return ok && c.lookup(word) != nil
}

// suricataVersion is whose language is spoken.
func suricataVersion() [3]int { return [3]int{8, 0, 8} }

func versionHolds(expr string) (bool, error) {
	for _, alt := range strings.Split(expr, "|") {
		all := true
		fields := strings.Fields(strings.NewReplacer("<", " <", ">", " >").Replace(alt))
		fields = strings.Fields(strings.ReplaceAll(strings.ReplaceAll(strings.Join(fields, " "), "> =", ">="), "< =", "<="))
		for i := 0; i < len(fields); i++ {
			sign := strings.TrimRight(fields[i], "0123456789.")
			num := strings.TrimPrefix(fields[i], sign)
			if num == "" && i+1 < len(fields) {
				i++
				num = fields[i]
			}
			cmp, err := compareVersion(num)
			if err != nil {
				return false, err
			}
			switch sign {
			case ">=":
				all = all && cmp >= 0
			case "<=":
				all = all && cmp <= 0
			case ">":
				all = all && cmp > 0
			case "<":
				all = all && cmp < 0
			default:
				return false, refuse(fmt.Sprintf("requires: want <, <=, > or >=, got %q", strings.TrimSpace(expr)), "requires:version >= 8.0.0")
			}
		}
		if all {
			return true, nil
		}
	}
	return false, nil
}

// compareVersion says whether ours is below (-1), equal to (0) or above s.
func compareVersion(s string) (int, error) {
	ours := suricataVersion()
	parts := strings.Split(s, ".")
	for i := range ours {
		n := 0
		if i < len(parts) {
			var err error
			if n, err = strconv.Atoi(parts[i]); err != nil {
				return 0, refuse(fmt.Sprintf("requires: want a version, got %q", s), "")
			}
		}
		if ours[i] != n {
			if ours[i] < n {
				return -1, nil
			}
			return 1, nil
		}
	}
	return 0, nil
}
