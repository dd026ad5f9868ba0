package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/report"
)

func reportCmd(w *World) *cobra.Command {
	var f readFlags
	var from string
	cmd := command("report --from FILE", "write a document that was saved as JSON in another format",
		`Reads a document that a verb wrote with --format json, and writes it in another format. The JSON is the master: whatever
a format shows can be made from it later.

  ringfence audit "$DSN" --format json -o audit.json
  ringfence report --from audit.json --format text`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(formatNames(), nil); err != nil {
				return err
			}
			if from == "" {
				return usage(fmt.Errorf("--from is missing"), "name the JSON file to read")
			}
			in, err := os.Open(from)
			if err != nil {
				return fmt.Errorf("reading the report: %w", err)
			}
			defer in.Close()
			r, err := report.ReadJSON(in)
			if err != nil {
				return err
			}
			if names := report.NamesFor(r); !slices.Contains(names, f.format) {
				return usage(fmt.Errorf("--format %q has no form for this document; these have: %s", f.format, strings.Join(names, ", ")), "")
			}
			return w.write(&f, r)
		})
	cmd.Args = atMost(0, "no arguments")
	cmd.Flags().StringVar(&from, "from", "", "the `FILE` to read")
	cmd.Flags().StringVar(&f.format, "format", "text", "how to write it: see the verbs")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE` instead of stdout")
	cmd.Flags().BoolVar(&f.noColor, "no-color", false, "no colour; NO_COLOR does the same")
	f.failOn = "none"
	completeWords(cmd, "format", formatNames())
	return cmd
}
