// Package stage is the ground that the reference systems stand on: a server of their own with one database, and what
// ringfence plan and apply do to it.
package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Stage is a running server with a database on it.
type Stage struct {
	server   *pg.Embedded
	super    *pgx.Conn
	database string
}

// Open starts a server in memory with an empty database; settings are the server's own. It ends with Close, or with the process.
func Open(ctx context.Context, database string, settings map[string]string) (*Stage, error) {
	server, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: settings})
	if err != nil {
		return nil, err
	}
	s := &Stage{server: server, database: database}
	if err := s.create(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Stage) create(ctx context.Context) error {
	admin, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pg.Ident(s.database)); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	s.super, err = s.connect(ctx, s.database)
	return err
}

func (s *Stage) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.server.DSN(database, pg.Superuser), pg.Options{SimpleProtocol: true})
}

// Close stops the server.
func (s *Stage) Close() error {
	if s.super != nil {
		_ = s.super.Close(context.Background())
	}
	return s.server.Stop()
}

// DSN is a role's way in; "" is the server's own superuser.
func (s *Stage) DSN(role string) string { return s.server.DSN(s.database, cmp.Or(role, pg.Superuser)) }

// Super is a session of the superuser, for tests: it sees all tenants' rows.
func (s *Stage) Super() *pgx.Conn { return s.super }

// Embedded is the server, for tests that take it away.
func (s *Stage) Embedded() *pg.Embedded { return s.server }

// Run runs a script as the superuser; what says in an error what it was for.
func (s *Stage) Run(ctx context.Context, what, script string) error {
	if _, err := s.super.PgConn().Exec(ctx, script).ReadAll(); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Plan is what "ringfence plan" does with what stands now: allow names the kinds of step that take something away.
func (s *Stage) Plan(ctx context.Context, config *tenancy.Config, allow ...string) (*plan.Plan, error) {
	snap, err := catalog.Read(ctx, s.super, catalog.Options{})
	if err != nil {
		return nil, err
	}
	model, err := tenancy.Infer(snap, tenancy.Options{Config: config})
	if err != nil {
		return nil, err
	}
	return harden.Plan(model, plan.Options{Allow: allow})
}

// Apply is what "ringfence apply" does with a plan.
func (s *Stage) Apply(ctx context.Context, steps *plan.Plan) error {
	_, err := apply.Run(ctx, apply.Options{Plan: steps, Fingerprint: catalog.FingerprintsOf,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return s.connect(ctx, s.database) }})
	return err
}
