package alerts

import (
	"fmt"
	"io"
)

// WriteRunbook writes, for each alert, what it says and what to do: the page that the rules link to.
func WriteRunbook(w io.Writer) error {
	if _, err := io.WriteString(w, `# Runbook of the alerts

Each alert of `+"`ringfence monitor rules`"+` links to its place here. Critical ones page at once; an error is for the shift; a warning is a ticket. What
is found is put on record: `+"`ringfence trail triage`"+` marks an event as true or false, with the reason, and changes nothing of it.

| alert | severity | when |
|---|---|---|
`); err != nil {
		return err
	}
	for _, a := range All() {
		if _, err := fmt.Fprintf(w, "| [%s](#%s) | %s | %s |\n", a.Name, a.Anchor(), a.Severity, a.Summary); err != nil {
			return err
		}
	}
	for _, a := range All() {
		if _, err := fmt.Fprintf(w, "\n## %s\n\n%s: %s.\n\n%s\n\n", a.Name, a.Severity, a.Summary, a.Meaning); err != nil {
			return err
		}
		for i, s := range a.Steps {
			if _, err := fmt.Fprintf(w, "%d. %s\n", i+1, s); err != nil {
				return err
			}
		}
		wait := ""
		if a.For != "" {
			wait = " for " + a.For
		}
		if _, err := fmt.Fprintf(w, "\nIt fires on this%s:\n\n```promql\n%s\n```\n", wait, a.Expr); err != nil {
			return err
		}
	}
	return nil
}
