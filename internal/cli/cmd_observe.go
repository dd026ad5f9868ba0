package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/impact"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/report"
)

// observeFile is the plan of the observation, beside the plan that is observed for. It is there as long as something may be installed.
const observeFile = "observe.json"

func observeCmd(w *World) *cobra.Command {
	cmd := command("observe", "refuse nothing, and count what enforcing would refuse",
		`Installs, reads and removes a mode in which nothing is refused and nothing hidden, and every statement and row that the plan in
DIR would refuse or hide is counted, by table, role and cause: no context, an empty one, one that is no tenant, rows of another
tenant. Use it for a day before ringfence apply: a log-in, a webhook or a nightly job that names no tenant shows here.

  ringfence observe install out "$DSN"
  ringfence observe status  out "$DSN"
  ringfence observe remove  out "$DSN"

It costs no extra round trip: policies that are true for every row call functions that scan empty tables, and the server's own
statistics count the scans, also in transactions that roll back or only read. Every row of another tenant that a statement looks at
costs such a call, some microseconds: scans of whole tables become slow (docs/figures.md). Roles that no policy runs for (owners of tables
that are not forced, BYPASSRLS, superusers) cannot be seen, and are named with the step that comes first. While a table is
observed it isolates nobody, and ringfence audit and prove say so. PostgreSQL refuses COPY … FROM to roles that policies bind.`, nil)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return cmd.Help() }
	cmd.AddCommand(observeInstallCmd(w), observeStatusCmd(w), observeRemoveCmd(w))
	return cmd
}

func observeInstallCmd(w *World) *cobra.Command {
	var f readFlags
	var dryRun bool
	cmd := command("install DIR [DSN]", "begin to count what the plan in DIR would refuse",
		`Puts the tables that the plan in DIR protects under observation, a short transaction each, with ringfence apply's own care:
bounded locks, a run log, going on where it was killed. Where restrictive policies lie dormant that would begin to refuse, or where
no application role could be seen, it refuses (exit 4). What it does is kept in DIR/observe.json, which remove reads.

  ringfence observe install out "$DSN"`,
		func(cmd *cobra.Command, args []string) error {
			o, err := w.runOptions(&f, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			watch, blind, err := w.observation(cmd.Context(), &f, o.Plan, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			for _, u := range blind {
				where := ""
				if u.Table != "" {
					where = " on " + u.Table
				}
				w.note(f.quiet, "unobservable: %s%s: %s; first: %s", u.Role, where, u.Why, u.First)
			}
			o.Plan, o.DryRun = watch, dryRun
			if !dryRun {
				if err := w.deliver(filepath.Join(args[0], observeFile), func(b *bytes.Buffer) error { return report.WriteJSON(b, watch) }); err != nil {
					return err
				}
			}
			result, err := apply.Run(cmd.Context(), o)
			return w.ran(&f, report.OfRun("observe install", result), err)
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bindRun(cmd)
	f.bindModel(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "say what would be done, and change nothing")
	return cmd
}

// observation returns the plan that observes: the one of an earlier start where there is one, else a new one.
func (w *World) observation(ctx context.Context, f *readFlags, p *plan.Plan, dir, dsn string) (*plan.Plan, []impact.Unobservable, error) {
	if begun, err := readObservation(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return begun, nil, err
	}
	m, err := f.readModel(ctx, w, dsn)
	if err != nil {
		return nil, nil, err
	}
	watch, blind, err := impact.Observe(m, p)
	var conflict *impact.ConflictError
	if errors.As(err, &conflict) {
		return nil, nil, refused(err, hintOf(err))
	}
	return watch, impact.Blind(blind), err
}

// maxObservation bounds an observe.json that is read.
const maxObservation = 256 << 20

func readObservation(dir string) (*plan.Plan, error) {
	name := filepath.Join(dir, observeFile)
	text, err := bounded.ReadRegular(name, maxObservation)
	if err != nil {
		return nil, fmt.Errorf("reading the observation: %w", err)
	}
	var p plan.Plan
	dec := json.NewDecoder(bounded.JSON(bytes.NewReader(text), maxObservation))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return nil, fmt.Errorf("reading the observation: %w", err)
	}
	return &p, nil
}

func observeStatusCmd(w *World) *cobra.Command {
	var f readFlags
	cmd := command("status DIR [DSN]", "what has been counted so far",
		`Reads the counts, by table, role and cause. Statements count where they meet a row; rows are an upper bound, since rows that the
statement's own conditions drop later are counted too. A reset of the server's statistics is noticed.

  ringfence observe status out "$DSN"
  ringfence observe status out "$DSN" --format json

Exit 0: nothing would be refused or hidden so far. 3: something would. 5: a role or a table could not be seen, or counts began anew.`,
		func(cmd *cobra.Command, args []string) error {
			m, err := f.readModel(cmd.Context(), w, argument(args, 1))
			if err != nil {
				return err
			}
			conn, err := w.dial(cmd.Context(), argument(args, 1), pg.Options{})
			if err != nil {
				return err
			}
			defer conn.Close(context.WithoutCancel(cmd.Context()))
			s, err := impact.ReadStatus(cmd.Context(), conn, m)
			if err != nil {
				return err
			}
			if err := w.write(&f, report.OfObserve(s)); err != nil {
				return err
			}
			switch {
			case s.Summary.Statements+s.Summary.Rows > 0:
				return outcome(exitFound)
			case len(s.Unobservable)+len(s.Reset) > 0:
				return outcome(exitUnknown)
			}
			return nil
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bindRun(cmd)
	f.bindModel(cmd)
	return cmd
}

func observeRemoveCmd(w *World) *cobra.Command {
	var f readFlags
	cmd := command("remove DIR [DSN]", "take the observation away without a trace",
		`Undoes what install did: the catalogue is as before, apart from Ringfence's own run log. Counts are gone with it: read them first.
Killed in the middle, it is started again with the same words.

  ringfence observe remove out "$DSN"`,
		func(cmd *cobra.Command, args []string) error {
			o, err := w.runOptions(&f, args[0], argument(args, 1))
			if err != nil {
				return err
			}
			o.Plan, err = readObservation(args[0])
			if errors.Is(err, os.ErrNotExist) {
				return usage(fmt.Errorf("%s holds no %s: nothing was installed from it", args[0], observeFile), "name the directory that install was given")
			}
			if err != nil {
				return err
			}
			result, err := apply.Rollback(cmd.Context(), o)
			if err == nil {
				if err := os.Remove(filepath.Join(args[0], observeFile)); err != nil {
					return fmt.Errorf("removing %s: %w", observeFile, err)
				}
			}
			return w.ran(&f, report.OfRun("observe remove", result), err)
		})
	cmd.Args = between(1, 2, "the plan's directory, and a DSN")
	f.bindRun(cmd)
	return cmd
}
