package cli

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/report"
)

func auditCmd(w *World) *cobra.Command {
	var f readFlags
	cmd := command("audit [DSN]", "what is wrong, who could use it, and how to mend it",
		`Reads the catalogue and reports what lets one tenant reach another's rows, or will: row level security that is off or
does not bind, policies that do not say what they seem to, views, functions, rules and partitions around them, roles that
can become more than they are, keys that let tenants guess at each other. Each finding says who can use it, and over
which path. Nothing is written to the database, and no row is read.

  ringfence audit "$DSN"
  ringfence audit "$DSN" --app-role web --format json -o audit.json
  ringfence audit --snapshot app.json --fail-on critical

Exit 0: nothing at or above --fail-on. 3: something. 5: no tenant key was found, or no role is known that tenants' requests run as,
so that nothing could be told of who reaches what. ringfence explain ID tells more about a finding.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(formatNames(), args); err != nil {
				return err
			}
			m, err := f.readModel(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			result := audit.Run(audit.Read(m), audit.Rules(), time.Now())
			if err := w.write(&f, report.OfAudit(m, result)); err != nil {
				return err
			}
			return judged(m, outcome(f.verdictOf(result)))
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, formatNames()...)
	return cmd
}

// verdictOf is the exit code of an audit: 3 where something not accepted reaches the threshold.
func (f *readFlags) verdictOf(r audit.Result) int {
	for _, x := range r.Findings {
		if x.Accepted == nil && f.reaches(x.Severity) {
			return exitFound
		}
	}
	return exitClean
}

// formatNames lists the formats that a report can be written in.
func formatNames() []string {
	var out []string
	for _, f := range report.Formats() {
		out = append(out, f.Name)
	}
	return out
}

// write writes a report in the format asked for.
func (w *World) write(f *readFlags, r *report.Report) error {
	format, _ := report.FormatNamed(f.format)
	if format.Writes != nil && !format.Writes(r) {
		return usage(fmt.Errorf("--format %s has no form for this document", f.format), "use text or json")
	}
	return w.deliver(f.output, func(b *bytes.Buffer) error { return format.Write(b, r, w.options(f)) })
}

// options say for whom a document is written: colour only for a person at a terminal who has not declined it.
func (w *World) options(f *readFlags) report.Options {
	_, noColor := w.Env("NO_COLOR")
	return report.Options{Color: w.ColorTerminal && f.output == "" && !f.noColor && !noColor, Width: w.Width, Details: f.details}
}
