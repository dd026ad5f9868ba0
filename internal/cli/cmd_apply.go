package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

func applyCmd(w *World) *cobra.Command {
	var f readFlags
	var only, allow []string
	var dryRun bool
	var mirror string
	cmd := command("apply DIR [DSN]", "carry out a plan, step by verified step, without downtime",
		`Runs exactly the steps of the plan in DIR, in their order. Before each it looks who holds locks, and waits within bounds
instead of queueing in front of the application; after each it asks the catalogue whether the change is in place. What runs
outside a transaction (index builds) is supervised and shown as it goes.

It resumes by itself: killed at any moment, it is started again with the same words and goes on where the database says it
is. A plan made for another state is refused (exit 4), and so is a second operator.

Before it begins it counts, for a few tenants of each table, who would lose which rows. That tenants stop seeing each other's is
the aim; where a tenant would lose its own, or rows whose key is NULL, stands for nobody or names a tenant that is not there, it
stops (exit 4), and where that cannot be known too (exit 5). Correct the data, accept the loss in ringfence.yaml (id: loss), or
allow it once: --allow unexpected_loss, --allow "unexpected_loss public.orders", --allow unknown_loss.

  ringfence apply out "$DSN" --dry-run
  ringfence apply out "$DSN"

Connect directly, as a role that owns the tables: through a transaction pooler it refuses, and names the direct form.`,
		func(cmd *cobra.Command, args []string) error {
			o, err := w.runOptions(&f, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			o.Only, o.Allow, o.DryRun, o.Mirror = only, withoutAllowances(allow), dryRun, mirror
			if err := w.lossGate(cmd.Context(), &f, o, argument(args, 1), allow); err != nil {
				return err
			}
			result, err := apply.Run(cmd.Context(), o)
			return w.ran(&f, report.OfRun("apply", result), err)
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bindRun(cmd)
	f.bindModel(cmd)
	cmd.Flags().StringArrayVar(&only, "table", nil, "only the steps of this `TABLE`; may be given again")
	cmd.Flags().StringArrayVar(&allow, "allow", nil, "allow by `NAME` what an earlier run asked for")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and change nothing")
	cmd.Flags().StringVar(&mirror, "log", "", "keep a copy of the run log in `FILE`, a JSON object a line")
	return cmd
}

func rollbackCmd(w *World) *cobra.Command {
	var f readFlags
	var only, allow []string
	var dryRun, emergency bool
	var reason, rung, rolloutDir string
	cmd := command("rollback DIR [DSN]", "take back what a plan did: all of it, or one table",
		`Undoes, in reverse order, the steps that this plan put in place; what was there before it is left alone. A column that the
plan added and that holds values written since is asked for by name. Ringfence's own schema stays: it holds the record.

  ringfence rollback out "$DSN"
  ringfence rollback out "$DSN" --table public.orders
  ringfence rollback out "$DSN" --emergency --reason "orders fail since 14:02"

--emergency does one rung of the ladder at once, and records it with its reason. The first, no-force, gives owners their way
back and keeps the application isolated; policy-form brings back the policies that the plan replaced. insecure-disable opens
isolation: it has to be asked for by that name. No signature is asked for. Where the plan is a rollout's, the return stands in its
log too, the clock of exposure runs, and the people of its roster are called.`,
		func(cmd *cobra.Command, args []string) error {
			o, err := w.runOptions(&f, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			o.Only, o.Allow, o.DryRun = only, allow, dryRun
			if emergency && reason == "" {
				return usage(fmt.Errorf("--emergency needs --reason"), "the reason is kept in the run log")
			}
			var result *apply.Result
			if emergency {
				result, err = w.emergency(cmd.Context(), &f, o, apply.Emergency{Rung: apply.Rung(rung), Reason: reason}, rolloutDir)
			} else {
				result, err = apply.Rollback(cmd.Context(), o)
			}
			return w.ran(&f, report.OfRun("rollback", result), err)
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bindRun(cmd)
	cmd.Flags().StringArrayVar(&only, "table", nil, "only this `TABLE`; may be given again")
	cmd.Flags().StringArrayVar(&allow, "allow", nil, "allow by `NAME` what an earlier run asked for")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and change nothing")
	cmd.Flags().BoolVar(&emergency, "emergency", false, "only the first rung, at once; needs --reason")
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the record")
	cmd.Flags().StringVar(&rolloutDir, "rollout", "", "record it in the rollout in `DIR` too, and call the people of its roster (default "+defaultRolloutDir+", where it is there)")
	bindRung(cmd, &rung)
	return cmd
}

// between limits the number of arguments with an error that says what they are.
func between(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usage(fmt.Errorf("given: %s; %s takes %s", english.Count(len(args), "argument"), cmd.CommandPath(), what), "see "+cmd.CommandPath()+" --help")
		}
		return nil
	}
}

// bindRung adds the rung of an emergency return: those that help at once.
func bindRung(cmd *cobra.Command, rung *string) {
	words := []string{string(apply.RungNoForce), string(apply.RungPolicyForm), string(apply.RungInsecureDisable)}
	cmd.Flags().StringVar(rung, "rung", string(apply.RungNoForce), "how far an emergency return goes: "+strings.Join(words, ", "))
	completeWords(cmd, "rung", words)
}

// emergency opens what the plan closed, before anything else. What it did is recorded in the run log; where the plan is a rollout's, in its
// log too, and people are called: that these could not be reached is said, and changes nothing about what was done.
func (w *World) emergency(ctx context.Context, f *readFlags, o apply.Options, e apply.Emergency, dir string) (*apply.Result, error) {
	if e.Rung != apply.RungNoForce && e.Rung != apply.RungPolicyForm && e.Rung != apply.RungInsecureDisable {
		return nil, usage(fmt.Errorf("--rung %q is not one of an emergency", e.Rung), "the first ones are no-force, policy-form and insecure-disable")
	}
	began := time.Now()
	result, trouble := apply.RollbackEmergency(ctx, o, e)
	if trouble != nil { // what was done until then is recorded
		if o.Only = apply.Reached(o.Plan, result, e.Rung); len(o.Only) == 0 {
			return result, trouble
		}
	}
	took := time.Since(began)
	rf := &rolloutFlags{readFlags: *f, base: "."}
	rf.quiet = true
	if entries, _ := ledger.Directory(cmp.Or(dir, defaultRolloutDir)).Entries(ctx, 0); len(entries) == 0 {
		w.note(f.quiet, "recorded in the run log only: %s holds no rollout", cmp.Or(dir, defaultRolloutDir))
		return result, trouble
	}
	s, err := w.openRollout(ctx, rf, dir, true)
	if err == nil {
		defer s.close()
		err = s.emergency(ctx, o, e, took, trouble)
	}
	if err != nil {
		w.note(false, "it was done, and the rollout does not know of it: %v", err)
	}
	return result, trouble
}

// emergency writes into the rollout's log what was done by hand on one of its targets.
func (s *session) emergency(ctx context.Context, o apply.Options, e apply.Emergency, took time.Duration, trouble error) error {
	conn, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var system, database string
	if err := conn.QueryRow(ctx, "SELECT system_identifier::text, pg_catalog.current_database()::text FROM pg_catalog.pg_control_system()").Scan(&system, &database); err != nil {
		return err
	}
	files, err := plan.Files(o.Plan)
	if err != nil {
		return err
	}
	for i := range s.state.Rollout.Stages {
		stage := &s.state.Rollout.Stages[i]
		if stage.SystemIdentifier != system || stage.Database != database || s.state.Rollout.Plan != attest.DigestOf(files[plan.PlanFile]) {
			continue
		}
		r := rollout.ByHand(o.Plan, e.Rung, o.Only, e.Reason, s.w.operator(), s.w.clock().Now(), took, trouble)
		if err := s.log.Append(ctx, s.w.clock().Now(), ledger.KindReturned, stage.Name, r); err != nil {
			return err
		}
		signal := rollout.Signal{At: s.w.clock().Now(), Name: "emergency", Severity: 1, Why: e.Reason}
		return s.caller(stage).Alarm(ctx, []rollout.Signal{signal}, []rollout.Return{r})
	}
	return errors.New("this plan on this database is no stage of it")
}
