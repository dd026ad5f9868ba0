package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func verifyCmd(w *World) *cobra.Command {
	var f readFlags
	var noAttack bool
	cmd := command("verify DIR [DSN]", "whether a plan is in place, and whether it holds under attack",
		`Asks the catalogue whether each step of the plan is in place, proves the plan's tables by logic, and then attacks them as the
application's role: with two tenants' rows, every verb, and no, an empty, a malformed and another tenant's context. The
attack is one transaction that is rolled back.

  ringfence verify out "$DSN"
  ringfence verify out "$DSN" --app-dsn "$APP_DSN" --pooler-dsn "$POOLER_DSN"

With --app-dsn and --pooler-dsn it also reads rows of two tenants through the application's own log-in, and through the pooler,
on two connections that take turns: as each tenant, without a context, and with an empty one. Nothing is written there.

Exit 0: every step is done, nothing leaks, nothing is unproven. 3: something is not so. 5: something could not be told.`,
		func(cmd *cobra.Command, args []string) error {
			o, err := w.runOptions(&f, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			o.Progress = nil
			steps, err := apply.Verify(cmd.Context(), o)
			if err != nil {
				return err
			}
			m, err := f.readModel(cmd.Context(), w, argument(args, 1))
			if err != nil {
				return err
			}
			v, err := w.attackPlan(cmd.Context(), &f, m, o.Plan, argument(args, 1), noAttack)
			if err != nil {
				return err
			}
			r := report.OfVerify(m, steps, v.Cells, v.Tried)
			if err := w.write(&f, r); err != nil {
				return err
			}
			if len(v.Wrong) > 0 {
				return contradicted(v.Wrong)
			}
			return judged(m, verified(r.Check))
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bind(cmd, "text", "json")
	f.bindDetails(cmd)
	cmd.Flags().BoolVar(&noAttack, "no-attack", false, "ask the catalogue and logic only")
	return cmd
}

// attackPlan proves the plan's tables and, unless told not to, attacks them.
func (w *World) attackPlan(ctx context.Context, f *readFlags, m *tenancy.Model, p *plan.Plan, dsn string, noAttack bool) (harden.Verdict, error) {
	if noAttack {
		return harden.Reason(m, p), nil
	}
	conn, err := w.dial(ctx, dsn, pg.Options{})
	if err != nil {
		return harden.Verdict{}, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	bar := w.progress(f.quiet, "attack", 0)
	defer bar.done()
	v, err := harden.Attack(ctx, conn, m, p, w.ways(f), func(done, total int) { bar.at(int64(done), int64(total), "probes") })
	return v, pg.WhyLost(conn, err)
}

// ways are the application's own ways in that were given.
func (w *World) ways(f *readFlags) []attack.Way {
	var out []attack.Way
	for _, way := range []struct{ name, dsn string }{{harden.AppWay, f.appDSN}, {harden.PoolerWay, f.poolerDSN}} {
		if way.dsn == "" {
			continue
		}
		out = append(out, attack.Way{Name: way.name, Dial: func(ctx context.Context) (*pgx.Conn, error) {
			return w.dial(ctx, way.dsn, pg.Options{SimpleProtocol: true})
		}})
	}
	return out
}

// verified says what a verification comes to.
func verified(v *report.Verify) error {
	s := v.Summary
	open := slices.ContainsFunc(v.Cells, func(c prove.Cell) bool {
		return c.Kind == "isolation" && c.Accepted == nil && (c.Verdict == prove.Leak || c.Verdict == prove.Unproven)
	})
	switch {
	case s.NotDone > 0 || s.Leaked > 0 || open:
		return outcome(exitFound)
	case s.Unknown > 0:
		return &exitError{code: exitUnknown, err: fmt.Errorf("%s could not be verified", english.Count(s.Unknown, "step"))}
	case s.Held == 0 && s.Inconclusive > 0:
		return &exitError{code: exitUnknown, err: fmt.Errorf("the attack told nothing: none of %s could be carried through", english.Count(s.Inconclusive, "probe"))}
	}
	return nil
}
