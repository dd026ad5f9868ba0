package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/audit"
)

func explainCmd(w *World) *cobra.Command {
	cmd := command("explain [ID]", "what a finding means, why it matters, and how to mend it",
		`Tells what the rule behind a finding looks for, why it matters, and how to mend it. Takes an id (RLS001) or a name
(row-security-off); without one it lists all rules.`,
		func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				for _, r := range audit.Rules() {
					fmt.Fprintf(w.Stdout, "%s  %-8s  %s\n", r.ID, r.Severity, r.Title)
				}
				return nil
			}
			want := strings.ToLower(args[0])
			for _, r := range audit.Rules() {
				if strings.ToLower(r.ID) == want || r.Name == want || slices.ContainsFunc(r.Aliases, func(a string) bool { return strings.ToLower(a) == want }) {
					fmt.Fprintf(w.Stdout, "%s  %s\n%s, severity %s\n\n%s\n", r.ID, r.Title, r.Name, r.Severity, r.Doc)
					if r.Fix != "" {
						fmt.Fprintf(w.Stdout, "\nringfence plan mends it by the step %s.\n", r.Fix)
					}
					return nil
				}
			}
			return usage(fmt.Errorf("there is no rule %q", args[0]), "ringfence explain lists them all")
		})
	cmd.Args = atMost(1, "one rule")
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var out []string
		for _, r := range audit.Rules() {
			out = append(out, r.ID+"\t"+r.Title)
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
	return cmd
}
