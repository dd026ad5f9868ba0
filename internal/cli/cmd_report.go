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
	var c compareFlags
	cmd := command("report --from FILE", "write a document that was saved as JSON in another format, or two states beside each other",
		`Reads a document that a verb wrote with --format json, and writes it in another format. The JSON is the master: whatever
a format shows can be made from it later.

  ringfence audit "$DSN" --format json -o audit.json
  ringfence report --from audit.json --format text

With --before and --after it sets two states of a database beside each other: which ways to other tenants' rows were open and what
closed them, with a CVSS v3.1 vector and score for each class of hole; what became of the findings; indexes with their size and, from
--run, the seconds they took; triggers; times and blocks of the same queries; and a registry of every table with its class, key,
policy and index, and since when. Each is given the documents that there are, of audit, prove, bench and snapshot; what none of
them tells is said.

  ringfence apply out "$DSN" --format json -o run.json
  ringfence report --before audit0.json --before prove0.json --after audit1.json --after prove1.json --run run.json --format html -o report.html`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(formatNames(), nil); err != nil {
				return err
			}
			if c.given() {
				r, err := c.read(from)
				if err != nil {
					return err
				}
				return w.write(&f, r)
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
	c.bind(cmd)
	cmd.Flags().StringVar(&f.format, "format", "text", "how to write it: see the verbs")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE` instead of stdout")
	cmd.Flags().BoolVar(&f.noColor, "no-color", false, "no colour; NO_COLOR does the same")
	f.bindDetails(cmd)
	f.failOn = "none"
	completeWords(cmd, "format", formatNames())
	return cmd
}
