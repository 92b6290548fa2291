package detect

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/mirrorwall/mirrorwall/internal/rule"
)

func datasetKeywords() []keyword {
	return []keyword{
		{name: "dataset", parse: parseDataset},
		{name: "datarep", parse: parseDatarep},
	}
}

// setCommand is what a rule does with a set.
type setCommand uint8

const (
	setHas setCommand = iota
	setHasNot
	setAdd
	setRemove
	setRep // datarep: compare the value's number
)

// setOp is one dataset or datarep.
type setOp struct {
	set  *dataset
	cmd  setCommand
	comp byte // of datarep: < > =
	rep  uint16
}

// changes reports a test that changes the set: it must be made once only.
func (o op) changes() bool {
	return o.kind == opDataset && (o.x.set.cmd == setAdd || o.x.set.cmd == setRemove)
}

// dataset looks the whole buffer up. An empty buffer matches nothing, as in
// Suricata; one that can't be a value of the type is not in the set.
func (c *ctx) dataset(x *setOp) bool {
	s, v := x.set, c.buf
	if len(v) == 0 {
		return false
	}
	if !s.def.typ.fits(len(v)) {
		return x.cmd == setHasNot
	}
	switch x.cmd {
	case setHas:
		_, ok := s.lookup(v)
		return ok
	case setHasNot:
		_, ok := s.lookup(v)
		return !ok
	case setAdd:
		fresh, full := s.add(v, 0)
		if full {
			c.e.Counters.SetFull++
		}
		return fresh
	case setRemove:
		return s.remove(v)
	}
	rep, ok := s.lookup(v)
	switch {
	case !ok:
		return false
	case x.comp == '<':
		return rep < x.rep
	case x.comp == '>':
		return rep > x.rep
	}
	return rep == x.rep
}

// parseDataset reads "isset,name[,type t][,load f][,save f][,state f][,memcap n][,hashsize n]".
func parseDataset(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	cmds := map[string]setCommand{"isset": setHas, "isnotset": setHasNot, "set": setAdd, "unset": setRemove}
	cmd, ok := cmds[a[0]]
	if !ok || opt.Neg || len(a) < 2 {
		return refuse(fmt.Sprintf("want isset, isnotset, set or unset, and a name, got %q", opt.Value), "dataset:isset,bad-hosts, type string, load bad-hosts.lst")
	}
	return b.setTest(setOp{cmd: cmd}, a[1], a[2:])
}

// parseDatarep reads "name,>,value[,type t][,load f]…".
func parseDatarep(b *builder, opt *rule.Option) error {
	a := splitArgs(opt.Value)
	hint := "datarep:hosts,>,50, type string, load hosts.rep"
	if len(a) < 3 {
		return refuse("want name, operator, value", hint)
	}
	n, err := parseUint(a[2])
	if err != nil || n > 65535 {
		return refuse(fmt.Sprintf("want a number from 0 to 65535, got %q", a[2]), hint)
	}
	if a[1] != "<" && a[1] != ">" && a[1] != "==" {
		return refuse(fmt.Sprintf("want <, > or ==, got %q", a[1]), hint)
	}
	return b.setTest(setOp{cmd: setRep, comp: a[1][0], rep: uint16(n)}, a[0], a[3:])
}

// setTest adds the test on the current buffer.
func (b *builder) setTest(o setOp, name string, args []string) error {
	if b.cur.buf.kind == bufPayload {
		return refuse("no sticky buffer before it", "write the buffer first: dns.query; dataset:…")
	}
	def, err := parseSetDef(name, args)
	if err != nil {
		return err
	}
	if o.set, err = b.c.dataset(def, b.r.Pos.File); err != nil {
		return err
	}
	return b.addOp(op{kind: opDataset, x: &opExtra{set: o}})
}

// parseSetDef reads the options behind the name.
func parseSetDef(name string, args []string) (*setDef, error) {
	d := &setDef{name: name, memcap: setMemcap}
	if name == "" || len(name) > 63 {
		return nil, refuse(fmt.Sprintf("want a name of 1 to 63 bytes, got %q", name), "")
	}
	buckets := uint64(setHashSize)
	for _, a := range args {
		word, v, _ := strings.Cut(a, " ")
		v = strings.TrimSpace(v)
		var err error
		switch word {
		case "type":
			var ok bool
			if d.typ, ok = setTypeByName(v); !ok {
				err = refuse(fmt.Sprintf("type: want string, md5, sha256, ipv4 or ip, got %q", v), "")
			}
		case "load":
			d.load, err = setFile(v, false)
		case "save":
			d.save, err = setFile(v, true)
		case "state":
			d.state, err = setFile(v, true)
		case "memcap":
			if d.memcap, err = parseMemory(v); err != nil || d.memcap == 0 {
				err = refuse(fmt.Sprintf("memcap: want a size such as 10mb, got %q", v), "")
			}
		case "hashsize":
			if buckets, err = parseUint(v); err != nil || buckets == 0 || buckets > maxHashSize {
				err = refuse(fmt.Sprintf("hashsize: want 1 to %d, got %q", maxHashSize, v), "")
			}
		case "format", "value_key", "array_key", "context_key", "enrichment_key", "remove_key":
			err = refuse(word+": sets in JSON or CSV are not supported", "one value a line, see docs/rules/keywords.md")
		default:
			err = refuse(fmt.Sprintf("unknown option %q", word), "type, load, save, state, memcap or hashsize")
		}
		if err != nil {
			return nil, err
		}
	}
	if d.state != "" && (d.load != "" || d.save != "") {
		return nil, refuse("state together with load or save", "state is both: the set is read from the file and kept in it")
	}
	if d.memcap < buckets*setBucket {
		return nil, refuse(fmt.Sprintf("memcap %d is less than hashsize needs", d.memcap), fmt.Sprintf("%d bytes a bucket", setBucket))
	}
	return d, nil
}

// parseMemory reads bytes with Suricata's units: 100kb, 10mb, 1gb.
func parseMemory(v string) (uint64, error) {
	num, shift := strings.ToLower(v), 0
	for i, u := range [...]string{"k", "m", "g"} {
		if n, ok := strings.CutSuffix(strings.TrimSuffix(strings.TrimSuffix(num, "b"), "i"), u); ok {
			num, shift = strings.TrimSpace(n), 10*(i+1)
			break
		}
	}
	n, err := strconv.ParseUint(num, 10, 33)
	return n << shift, err
}

// setFile checks the name of a file. What a rule writes stays inside the
// sensor's own folder.
func setFile(name string, written bool) (string, error) {
	if name == "" {
		return "", refuse("want a file name", "")
	}
	if written && !filepath.IsLocal(name) {
		return "", refuse(fmt.Sprintf("%q: want a name inside the data folder", name), "no absolute path and no ..")
	}
	return name, nil
}

// dataset returns the set that def names; from is the file of the rule.
func (c *compiler) dataset(def *setDef, from string) (*dataset, error) {
	if s := c.sets[def.name]; s != nil {
		return s, def.agrees(&s.def)
	}
	if def.typ == setNoType {
		return nil, refuse(fmt.Sprintf("set %s has no type", def.name), "the first rule that names a set says its type")
	}
	var text []byte
	if name := def.loadFrom(); name != "" {
		var err error
		text, err = c.readFile(from, name, def.state != "")
		if err != nil && (def.state == "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, refuseFile(err)
		}
	}
	if c.cfg.Datasets == nil {
		c.cfg.Datasets = NewDatasets()
	}
	s, err := c.cfg.Datasets.get(def, text)
	if err != nil {
		return nil, refuse(fmt.Sprintf("%s: %v", def.loadFrom(), err), "")
	}
	c.sets[def.name] = s
	return s, nil
}

// agrees checks a later mention of the set against the first.
func (d *setDef) agrees(first *setDef) error {
	for _, x := range [...]struct{ what, got, want string }{
		{"type " + d.typ.String(), d.typ.String(), first.typ.String()},
		{"load " + d.load, d.load, first.load}, {"save " + d.save, d.save, first.save}, {"state " + d.state, d.state, first.state},
	} {
		if x.got != "" && x.got != setNoType.String() && x.got != x.want {
			return refuse(fmt.Sprintf("%s: a rule before describes set %s otherwise", x.what, d.name), "leave the options out after the first rule")
		}
	}
	return nil
}

// readFile reads a file that a rule names, and makes it part of the ruleset's
// version.
func (c *compiler) readFile(from, name string, kept bool) ([]byte, error) {
	if c.cfg.ReadFile == nil {
		return nil, fmt.Errorf("%s: files are not read here", name)
	}
	text, err := c.cfg.ReadFile(from, name, kept)
	if err == nil {
		fmt.Fprintf(c.filesSum, "%s %d\n", name, len(text))
		c.filesSum.Write(text)
	}
	return text, err
}

// refuseFile refuses a rule for a file that it cannot have, with the error's own
// hint if it has one.
func refuseFile(err error) error {
	var own interface{ Hint() string }
	if errors.As(err, &own) {
		return refuse(err.Error(), own.Hint())
	}
	return refuse(err.Error(), "the name counts from the folder of the rules file")
}
