package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/mirrorwall/mirrorwall/internal/config/panos"
)

func (a *app) configExport() *cobra.Command {
	var asPanos bool
	var from, original, out string
	c := &cobra.Command{
		Use:   "export",
		Short: "Write the policy as a configuration of PAN-OS",
		Long: "Export writes the policy of a configuration as a device configuration of\n" +
			"PAN-OS. With --original, what did not change keeps its bytes.",
		Example: "  mirrorwall config export --panos -c config.yaml --original firewall.xml -o new.xml",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if !asPanos || from == "" {
				return &failure{err: errors.New("want --panos and --config FILE"), hint: "see mirrorwall config export --help", code: exitUsage}
			}
			return a.exportPanos(from, original, out)
		},
	}
	c.Flags().BoolVar(&asPanos, "panos", false, "write PAN-OS XML")
	c.Flags().StringVarP(&from, "config", "c", "", "configuration `file` with the policy")
	c.Flags().StringVar(&original, "original", "", "the `file` that the policy was imported from")
	c.Flags().StringVarP(&out, "output", "o", "", "write to this `file` instead of standard output")
	return c
}

func (a *app) exportPanos(from, original, out string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return fail(err, "name a configuration with --config")
	}
	doc, err := panos.Policy(text)
	if err != nil {
		return fail(fmt.Errorf("%s: %w", from, err), "the keys of policy are those that config import writes")
	}
	var tree *panos.Tree
	if original != "" {
		f, err := os.Open(original)
		if err != nil {
			return fail(err, "name the imported file with --original")
		}
		tree, err = panos.Parse(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return named(err, original)
		}
	}
	xml, err := panos.Export(doc, tree)
	if err != nil {
		return named(err, original)
	}
	if out == "" {
		_, _ = a.out.Write(xml) // the writer remembers a failure
		return nil
	}
	if err := os.WriteFile(out, xml, 0o600); err != nil {
		return fail(err, "name a file in a folder that can be written to")
	}
	return nil
}
