package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config/panos"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check, compare, import, export and commit configurations"}
	c.AddCommand(a.configCheck(), a.configDiff(), a.configImport(), a.configExport())
	c.AddCommand(a.configCommands()...)
	return c
}

func (a *app) configImport() *cobra.Command {
	var dry, asJSON bool
	var out string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Read a configuration of PAN-OS, and say what becomes of each element",
		Long: "Import reads a device configuration of PAN-OS (XML, 8.1 to 11), prints what\n" +
			"became of each element (supported, translated, kept without effect, refused)\n" +
			"and writes its policy as YAML. Password hashes, keys and passwords are never\n" +
			"taken. The status is 3 when something was refused.",
		Example: "  mirrorwall config import --dry-run firewall.xml\n" +
			"  mirrorwall config import firewall.xml -o config.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if dry == (out != "") {
				return &failure{err: errors.New("want either --dry-run or -o FILE"), hint: "see mirrorwall config import --help", code: exitUsage}
			}
			return a.importPanos(args[0], out, asJSON)
		},
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "only print the report")
	c.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	c.Flags().StringVarP(&out, "output", "o", "", "write the policy as YAML to this `file`")
	return c
}

func (a *app) importPanos(name, out string, asJSON bool) error {
	f, err := os.Open(name)
	if err != nil {
		return fail(err, "name an exported device configuration")
	}
	tree, err := panos.Parse(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return named(err, name)
	}
	res, err := panos.Import(tree)
	if err != nil {
		return named(err, name)
	}
	if out != "" {
		text, err := res.YAML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(out, text, 0o600); err != nil {
			return fail(err, "name a file in a folder that can be written to")
		}
	}
	if asJSON {
		text, err := res.Report.JSON()
		if err != nil {
			return err
		}
		_, _ = a.out.Write(text) // the writer remembers a failure
	} else {
		fmt.Fprint(a.out, res.Report.String())
	}
	if n := res.Report.Count(panos.Refused); n > 0 {
		return &failure{err: fmt.Errorf("%s: %d elements were refused", name, n), hint: "the report names each, and why; all else was read", code: exitWanting}
	}
	return nil
}

// named puts the file's name into an error that knows only the place, and makes
// a file that is refused as a whole the same status as one of its elements.
func named(err error, name string) error {
	var refused *panos.RefusedError
	if errors.As(err, &refused) {
		refused.Name = name
		return &failure{err: refused, hint: refused.Hint(), code: exitWanting}
	}
	var pe *panos.ParseError
	if errors.As(err, &pe) {
		pe.Name = name
		return fail(pe, pe.Hint())
	}
	return fail(err, "is the file complete?")
}
