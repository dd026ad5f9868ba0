package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/english"
	"github.com/ringfencehq/ringfence/internal/migrations"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/report"
)

// runMigrations runs the migrations on a server of our own and compares what they make: with the lock file where no database is
// named, with the database where one is, and from the database's present state on where --after is given.
func (df *driftFlags) runMigrations(ctx context.Context, w *World, f *readFlags, dsn string) error {
	if err := df.checkMigrations(); err != nil {
		return err
	}
	files, err := w.findMigrations(f.quiet, df.migrations)
	if err != nil {
		return err
	}
	if df.after != "" {
		return df.compareNext(ctx, w, f, dsn, files)
	}
	named := dsn != "" || f.snapshot != ""
	base, err := df.base(ctx, w, f, dsn, named)
	if err != nil {
		return err
	}
	follow, end := w.followFiles(f.quiet)
	made, run, err := migrations.Rebuild(ctx, base, files, func(s string) { w.note(f.quiet, "%s", s) }, follow)
	end()
	if err != nil {
		return err
	}
	if named {
		return df.told(w, f, made, base, run, "migrations")
	}
	return df.told(w, f, base, made, run, "lock")
}

// findMigrations reads the directory, and says what it takes it for and what it leaves out.
func (w *World) findMigrations(quiet bool, dir string) ([]migrations.File, error) {
	tool, files, left, err := migrations.Find(os.DirFS(dir))
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", dir, err), "give the directory that holds the *.sql files themselves")
	}
	for _, l := range left {
		w.note(quiet, "%s: %s", l.Place, l.Why)
	}
	w.note(quiet, "%s: %s (%s)", dir, english.Count(len(files), "migration"), tool)
	return files, nil
}

func (df *driftFlags) checkMigrations() error {
	switch {
	case df.migrations == "":
		return usage(errors.New("--after names a file of --migrations, which is not given"), "")
	case df.accept:
		return usage(errors.New("--accept takes the state of a database, and --migrations are run on a server of their own"), "apply the migrations first, then accept")
	}
	return nil
}

// base is the state that the migrations are compared with.
func (df *driftFlags) base(ctx context.Context, w *World, f *readFlags, dsn string, named bool) (*catalog.Snapshot, error) {
	if named {
		return f.readSnapshot(ctx, w, dsn)
	}
	return df.read()
}

// compareNext runs what comes after a file on a copy of the database.
func (df *driftFlags) compareNext(ctx context.Context, w *World, f *readFlags, dsn string, files []migrations.File) error {
	at := slices.IndexFunc(files, func(m migrations.File) bool { return m.Name == df.after })
	if at < 0 {
		return usage(fmt.Errorf("--after %q is not one of the migrations", df.after), fmt.Sprintf("the last one is %s", files[len(files)-1].Name))
	}
	if f.snapshot != "" {
		return usage(errors.New("--after copies a database, and --snapshot is a file"), "give the DSN instead")
	}
	target, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return usage(err, pg.Hint(err))
	}
	base, err := f.readSnapshot(ctx, w, target)
	if err != nil {
		return err
	}
	files = files[at+1:]
	follow, end := w.followFiles(f.quiet)
	made, run, missing, err := migrations.Continue(ctx, target, base, files, func(s string) { w.note(f.quiet, "%s", s) }, follow)
	end()
	if err != nil {
		return err
	}
	for _, m := range missing {
		w.note(f.quiet, "%s could not be copied as it is: what changes there is not known", m)
	}
	return df.told(w, f, base, made, run, "database")
}

// told compares two states, and writes what changed with its place.
func (df *driftFlags) told(w *World, f *readFlags, was, is *catalog.Snapshot, run *migrations.Run, against string) error {
	present, result, err := f.compare(was, is)
	if err != nil {
		return err
	}
	result.Locate(run)
	if err := w.write(f, report.OfDrift(present, result, against)); err != nil {
		return err
	}
	return outcome(map[bool]int{true: exitClean, false: exitFound}[result.Clean()])
}

// followFiles tells a person which file runs.
func (w *World) followFiles(quiet bool) (follow migrations.Progress, end func()) {
	bar := w.progress(quiet, "migrations", 0)
	return func(done, all int, file string) { bar.at(int64(done), int64(all), file) }, bar.done
}
