package cli

import (
	"bytes"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/migrations"
)

func snapshotCmd(w *World) *cobra.Command {
	var f readFlags
	var dir string
	var major int
	cmd := command("snapshot [DSN]", "the catalogue as JSON: all that bears on isolation",
		`Reads, in one consistent read-only transaction, all of the catalogue that bears on tenant isolation, and writes it as
JSON. Every read-only verb takes the file with --snapshot instead of a database, so that a database can be audited and
proved where it cannot be reached. It holds definitions, names and grants; never rows, never a password.

  ringfence snapshot "$DSN" -o app.json
  ringfence audit --snapshot app.json

With --migrations nothing is connected to: a directory of SQL migrations is run on a server of Ringfence's own, and the catalogue that
they make is written. Statements that do not run there are named on stderr, by file and line, and the exit is 5.

  ringfence snapshot --migrations db/migrations -o next.json`,
		func(cmd *cobra.Command, args []string) error {
			if err := f.check([]string{"json"}, args); err != nil {
				return err
			}
			if dir != "" {
				return w.snapshotMigrations(cmd.Context(), &f, dir, major, args)
			}
			s, err := f.readSnapshot(cmd.Context(), w, argument(args, 0))
			if err != nil {
				return err
			}
			return w.deliver(f.output, func(b *bytes.Buffer) error { return s.WriteJSON(b) })
		})
	cmd.Args = atMost(1, "one DSN at most")
	f.bind(cmd, "json")
	cmd.Flags().StringVar(&dir, "migrations", "", "run the SQL migrations in this `DIR` and write what they make")
	cmd.Flags().IntVar(&major, "postgres", 0, "the major `VERSION` of the server that --migrations run on (default: the one at hand)")
	return cmd
}

// snapshotMigrations writes the catalogue that a directory of migrations makes. What did not run is named, and makes the document
// one of which a part is not known.
func (w *World) snapshotMigrations(ctx context.Context, f *readFlags, dir string, major int, args []string) error {
	if len(args) > 0 || f.snapshot != "" {
		return usage(errors.New("both --migrations and another source were given"), "give one of them")
	}
	files, err := w.findMigrations(f.quiet, dir)
	if err != nil {
		return err
	}
	base := &catalog.Snapshot{Server: catalog.Server{VersionNum: major * 10000, Database: "migrations"}}
	base.Reindex()
	follow, end := w.followFiles(f.quiet)
	made, run, err := migrations.Rebuild(ctx, base, files, func(s string) { w.note(f.quiet, "%s", s) }, follow)
	end()
	if err != nil {
		return err
	}
	for _, failed := range run.Failed {
		w.note(false, "%s: %s", failed.Place, failed.Why)
	}
	if err := w.deliver(f.output, func(b *bytes.Buffer) error { return made.WriteJSON(b) }); err != nil {
		return err
	}
	return outcome(map[bool]int{true: exitUnknown, false: exitClean}[len(run.Failed) > 0])
}
