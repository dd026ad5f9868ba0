package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// driftFlags are what drift takes beside the flags of every read-only verb.
type driftFlags struct {
	accept     bool
	lock       string
	migrations string
	after      string
}

func driftCmd(w *World) *cobra.Command {
	var f readFlags
	var df driftFlags
	formats := []string{"text", "json", "markdown", "html"}
	cmd := command("drift [DSN]", "what is not as it was accepted, and whether it lets tenants reach more",
		`Compares the database with the state that ringfence.lock.json holds, and says of every policy, grant, owner, role,
membership, function, view, rule, trigger, publication, setting, default privilege and table that changed whether tenants
reach more of each other's rows by it (widened), less (narrowed), the same (neutral), or whether it cannot be told (unknown).
The lock file is made to be committed: it changes only where the catalogue does.

  ringfence drift "$DSN" --accept
  ringfence drift "$DSN"
  ringfence drift --snapshot app.json --format json

Migrations are checked before they run anywhere, on a server of Ringfence's own; each change names the file and line:

  ringfence drift --migrations db/migrations           what they make, against the lock file
  ringfence drift "$DSN" --migrations db/migrations    the database against what they promise: what is promised and absent,
                                                       present and unexplained, or different
  ringfence drift "$DSN" --migrations db/migrations --after 0041_last.sql
                                                       the files after that one, run on a copy of the database

Directories of goose, golang-migrate, Flyway, Sqitch, Prisma, dbmate, Supabase and plain *.sql files are known.

Exit 0: nothing widened, and nothing is unknown. 2: there is no lock file. 3: something widened or is unknown.
--accept prints the same and writes the lock file; then the exit is 0.`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check(formats, args); err != nil {
				return err
			}
			if df.migrations != "" || df.after != "" {
				return df.runMigrations(cmd.Context(), w, &f, argument(args, 0))
			}
			return df.run(cmd.Context(), w, &f, argument(args, 0))
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, formats...)
	cmd.Flags().BoolVar(&df.accept, "accept", false, "write the present state to the lock file, and print what is accepted by that")
	cmd.Flags().StringVar(&df.migrations, "migrations", "", "a `DIR` of SQL migrations to run on a server of Ringfence's own")
	cmd.Flags().StringVar(&df.after, "after", "", "run the migrations after this `FILE` only, on a copy of the database")
	cmd.Flags().StringVar(&df.lock, "lock", drift.LockFile, "the lock `FILE`")
	return cmd
}

func (df *driftFlags) run(ctx context.Context, w *World, f *readFlags, dsn string) error {
	lock, err := df.read()
	if err != nil {
		return err
	}
	snap, err := f.readSnapshot(ctx, w, dsn)
	if err != nil {
		return err
	}
	if len(f.schemas) > 0 {
		w.note(f.quiet, "only these schemas are judged: %v", f.schemas)
	}
	if lock == nil {
		if err := df.write(w, snap); err != nil {
			return err
		}
		w.note(f.quiet, "%s holds the present state now: there was none to compare it with", df.lock)
		return nil
	}
	present, result, err := f.compare(lock, snap)
	if err != nil {
		return err
	}
	if err := w.write(f, report.OfDrift(present, result, "lock")); err != nil {
		return err
	}
	if !df.accept {
		return outcome(map[bool]int{true: exitClean, false: exitFound}[result.Clean()])
	}
	if len(result.Changes) == 0 {
		return nil // the file stays as it is, byte for byte
	}
	return df.write(w, snap)
}

// read returns the accepted state. That there is none is an error unless it is about to be made.
func (df *driftFlags) read() (*catalog.Snapshot, error) {
	file, err := os.Open(df.lock)
	if errors.Is(err, os.ErrNotExist) && df.accept {
		return nil, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, usage(fmt.Errorf("there is no %s to compare the database with", df.lock), "ringfence drift --accept writes it; commit it beside the migrations")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the lock file: %w", err)
	}
	defer file.Close()
	s, err := catalog.ReadJSON(file)
	if err != nil {
		return nil, fmt.Errorf("reading the lock file %s: %w", df.lock, err)
	}
	return s, nil
}

func (df *driftFlags) write(w *World, s *catalog.Snapshot) error {
	raw, err := drift.Lock(s)
	if err != nil {
		return err
	}
	return w.deliver(df.lock, func(b *bytes.Buffer) error { _, err := b.Write(raw); return err })
}

// compare reads both states with the same configuration, and looks in both at every role that either takes for the application's.
func (f *readFlags) compare(lock, snap *catalog.Snapshot) (*tenancy.Model, drift.Result, error) {
	config, err := f.readConfig()
	if err != nil {
		return nil, drift.Result{}, err
	}
	accepted, present, err := f.bothModels(lock, snap, config, nil)
	if err != nil {
		return nil, drift.Result{}, err
	}
	was, is := accepted.Applications(), present.Applications()
	if roles := common(append(slices.Clone(was), is...), lock, snap); !slices.Equal(was, is) && len(f.appRoles) == 0 && len(roles) > 0 {
		if accepted, present, err = f.bothModels(lock, snap, config, roles); err != nil {
			return nil, drift.Result{}, err
		}
	}
	return present, drift.Compare(accepted, present), nil
}

func (f *readFlags) bothModels(lock, snap *catalog.Snapshot, config *tenancy.Config, roles []string) (accepted, present *tenancy.Model, err error) {
	g := *f
	if roles != nil {
		g.appRoles = roles
	}
	if accepted, err = g.infer(lock, config); err != nil {
		return nil, nil, fmt.Errorf("reading the accepted state: %w", err)
	}
	present, err = g.infer(snap, config)
	return accepted, present, err
}

// common returns the roles that both states have, sorted and once.
func common(roles []string, states ...*catalog.Snapshot) []string {
	slices.Sort(roles)
	return slices.DeleteFunc(slices.Compact(roles), func(role string) bool {
		return slices.ContainsFunc(states, func(s *catalog.Snapshot) bool { return s.Role(role) == nil })
	})
}
