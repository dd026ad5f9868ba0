package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/ringfencehq/ringfence/internal/bounded"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgparse"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// defaultConfig is the file that is read where --config names none.
const defaultConfig = "ringfence.yaml"

// argument returns the DSN among a verb's arguments, which may be left out.
func argument(args []string, at int) string {
	if len(args) > at {
		return args[at]
	}
	return ""
}

// dial connects to the database that the argument or the environment names.
func (w *World) dial(ctx context.Context, dsn string, opts pg.Options) (*pgx.Conn, error) {
	dsn, _, err := pg.Resolve(dsn, w.Env)
	if err != nil {
		return nil, usage(err, pg.Hint(err))
	}
	return pg.Connect(ctx, dsn, opts)
}

// readerWait is how long who interrupts a reading waits for a server that does not answer: what only reads may be left behind.
const readerWait = 2 * time.Second

// readSnapshot reads the catalogue of the database, or the file that stands for it.
func (f *readFlags) readSnapshot(ctx context.Context, w *World, dsn string) (*catalog.Snapshot, error) {
	if f.snapshot != "" {
		file, err := os.Open(f.snapshot)
		if err != nil {
			return nil, fmt.Errorf("reading the snapshot: %w", err)
		}
		defer file.Close()
		return catalog.ReadJSON(file)
	}
	pgparse.Warm() // while the catalogue is read
	conn, err := w.dial(ctx, dsn, pg.Options{CancelWait: readerWait})
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return catalog.Read(ctx, conn, catalog.Options{})
}

// maxPaper bounds a file that a person writes.
const maxPaper = 4 << 20

// readPaper reads a file that a person writes, which may be a pipe. One that is larger than such files are is an error.
func readPaper(name string) ([]byte, error) {
	return bounded.ReadFile(name, maxPaper)
}

// readConfig reads ringfence.yaml: the one that was named, else the one in the working directory, else none.
func (f *readFlags) readConfig() (*tenancy.Config, error) {
	path := f.config
	if path == "" {
		if _, err := os.Stat(defaultConfig); errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		path = defaultConfig
	}
	c, err := tenancy.LoadConfig(path)
	if err != nil {
		return nil, usage(err, "ringfence init writes one to begin with; the reference is docs/config.md")
	}
	return c, nil
}

// readModel reads the catalogue and infers the model that everything else rests on.
func (f *readFlags) readModel(ctx context.Context, w *World, dsn string) (*tenancy.Model, error) {
	config, err := f.readConfig()
	if err != nil {
		return nil, err
	}
	snap, err := f.readSnapshot(ctx, w, dsn)
	if err != nil {
		return nil, err
	}
	return f.infer(snap, config)
}

func (f *readFlags) infer(snap *catalog.Snapshot, config *tenancy.Config) (*tenancy.Model, error) {
	m, err := tenancy.Infer(snap, tenancy.Options{
		Config: config, TenantColumns: f.tenantColumns, Context: f.context, AppRoles: f.appRoles, Schemas: f.schemas,
	})
	var unknown *tenancy.UnknownNameError
	if errors.As(err, &unknown) {
		return nil, usage(err, "names are as PostgreSQL has them: case counts, and quotes are not part of a name")
	}
	return m, err
}

// command makes a verb with the layout that all share.
func command(use, short, long string, run func(cmd *cobra.Command, args []string) error) *cobra.Command {
	return &cobra.Command{Use: use, Short: short, Long: long, RunE: run}
}

// atMost limits the number of arguments with an error that says what they are.
func atMost(n int, what string) cobra.PositionalArgs { return between(0, n, what) }
