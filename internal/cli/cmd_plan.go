package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
)

// defaultPlanDir is where a plan is written where -o names nothing.
const defaultPlanDir = "ringfence-plan"

func planCmd(w *World) *cobra.Command {
	var f readFlags
	var allow, exclude []string
	var appRole string
	var layout layoutFlags
	cmd := command("plan [DSN]", "what to change, in order, with its way back",
		`Audits the database and writes what isolates it as an ordered list of steps, each with the SQL that does it, a query that says
whether it is done, the lock it takes, and the SQL that takes it back. Nothing is changed; what is written is what apply
runs, byte for byte:

  plan.json      the plan itself, bound to the definitions it was made for
  forward.sql    the same for psql -v ON_ERROR_STOP=1 -f
  rollback.sql   its inverse
  verify.sql     every step's question to the catalogue (it does not attack; ringfence verify does)
  RUNBOOK.md     what happens when, which locks, what to watch
  impact.json    who loses or gains which rows, by role and command, and counted for a few tenants in their own context

Indexes and columns come first, policies and ENABLE in one short transaction a table, FORCE last. What destroys or widens is left
out unless it is allowed by name; what is left out is listed, with its reason.

With --layout the steps are written once more, as the files of a migration tool, below DIR/NAME or --layout-dir. Tools run them
without the plan's questions, bounded locks and retries; ringfence apply and ringfence verify take DIR as before.

  ringfence plan "$DSN" -o out
  ringfence plan "$DSN" -o out --layout goose --layout-dir db/migrations
  ringfence plan "$DSN" -o out --allow drop_policy`,
		func(cmd *cobra.Command, args []string) error {
			f.failOn = "none"
			if err := f.check([]string{"text", "json", "markdown", "html"}, args); err != nil {
				return err
			}
			if err := errors.Join(layout.check(), checkAllowed("--allow", allow)); err != nil {
				return err
			}
			m, err := f.readModel(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			if m.Config != nil {
				if err := checkAllowed("plan.allow", m.Config.Plan.Allow); err != nil {
					return err
				}
			}
			p, err := harden.Plan(m, plan.Options{Allow: allow, Exclude: exclude, Context: f.context, ApplicationRole: appRole})
			if err != nil {
				return err
			}
			dir := cmp.Or(f.output, defaultPlanDir)
			if err := plan.Write(dir, p); err != nil {
				return err
			}
			doc, err := w.foretell(cmd.Context(), &f, m, p, argument(args, 0))
			if err != nil {
				return err
			}
			if err := w.writeImpact(dir, doc); err != nil {
				return err
			}
			w.note(f.quiet, "wrote %s: %s, %d withheld", dir, english.Count(len(p.Steps), "step"), len(p.Withheld))
			if err := layout.write(dir, p); err != nil {
				return err
			}
			r := report.OfPlan(p)
			r.Impact = doc
			format, _ := report.FormatNamed(f.format)
			return w.deliver("", func(b *bytes.Buffer) error { return format.Write(b, r, w.options(&f)) })
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "text", "json", "markdown", "html")
	fl := cmd.Flags()
	fl.Lookup("output").Usage = "the `DIR` to write the plan to (default " + defaultPlanDir + ")"
	fl.StringArrayVar(&allow, "allow", nil, "allow a danger by `NAME`; the plan lists the names")
	fl.StringArrayVar(&exclude, "exclude", nil, "leave out a `KIND`, a table, or \"kind object\"")
	layout.bind(fl)
	fl.StringVar(&appRole, "application-role", "", "make this `ROLE` for the application, where it is the owner today")
	completeWords(cmd, "layout", layoutNames())
	completeWords(cmd, "allow", plan.Dangers())
	return cmd
}

// checkAllowed refuses a danger that no step has: a misspelt one would leave out in silence what was asked for.
func checkAllowed(where string, names []string) error {
	for _, name := range names {
		if !slices.Contains(plan.Dangers(), name) {
			return usage(fmt.Errorf("%s: no danger is named %q", where, name), "there are "+strings.Join(plan.Dangers(), ", ")+"; each is given by a flag, or on a line, of its own")
		}
	}
	return nil
}
