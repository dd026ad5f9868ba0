// Package start brings reference system B up as a person would find it after the remediation: a server, the schema as it was,
// its rows, and then what ringfence plan and apply made of it. It is the one part of the example that imports internal
// packages: an application of one's own has a database already, and hardens it by the command line.
package start

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Role is the role that the application connects as; the plan makes it. trailRole ships the application's events, and can do nothing else.
const (
	Role      = "callcenter_app"
	trailRole = "callcenter_trail"
)

const database = "callcenter"

// Options say how large the system is.
type Options struct {
	Organizations int    // tenants; 4
	Events        int    // rows of the large table; 400
	PasswordHash  string // of every user, in the application's own form; none can log in without one
}

// System is a running server with the hardened database on it.
type System struct {
	server *pg.Embedded
	super  *pgx.Conn
}

// Run starts a server, loads the system, plans, applies, and makes what works without a tenant. The server ends with Close,
// or with the process.
func Run(ctx context.Context, o Options) (*System, error) {
	server, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: map[string]string{"jit": "off"}})
	if err != nil {
		return nil, err
	}
	s := &System{server: server}
	for _, step := range []func(context.Context, Options) error{s.load, s.harden, s.services} {
		if err := step(ctx, o); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// Close stops the server.
func (s *System) Close() error {
	if s.super != nil {
		_ = s.super.Close(context.Background())
	}
	return s.server.Stop()
}

// DSN is the application's way in.
func (s *System) DSN() string { return s.server.DSN(database, Role) }

// TrailDSN is the way in of what ships the trail's events.
func (s *System) TrailDSN() string { return s.server.DSN(database, trailRole) }

// Super is a session of the superuser, for tests: it sees all organisations' rows.
func (s *System) Super() *pgx.Conn { return s.super }

func (s *System) connect(ctx context.Context, db string) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.server.DSN(db, pg.Superuser), pg.Options{SimpleProtocol: true})
}

func (s *System) load(ctx context.Context, o Options) (err error) {
	admin, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+pg.Ident(database)); err != nil {
		return fmt.Errorf("making the database: %w", err)
	}
	if s.super, err = s.connect(ctx, database); err != nil {
		return err
	}
	seed := fmt.Sprintf("SET seed.organizations = %d; SET seed.events = %d;\n%s\nANALYZE;", cmp.Or(o.Organizations, 4), cmp.Or(o.Events, 400), callcenter.Seed)
	for _, script := range []string{callcenter.Schema, seed, "CREATE ROLE " + pg.Ident(trailRole) + " LOGIN"} {
		if _, err := s.super.PgConn().Exec(ctx, script).ReadAll(); err != nil {
			return fmt.Errorf("loading the reference system: %w", err)
		}
	}
	return nil
}

// harden is what "ringfence plan" and "ringfence apply" do, allowing by name what takes the second policy and the key without
// its tenant away.
func (s *System) harden(ctx context.Context, _ Options) error {
	config, err := tenancy.ParseConfig("ringfence.yaml", callcenter.Config)
	if err != nil {
		return err
	}
	config.Trail = &tenancy.TrailConfig{Writer: trailRole, View: "security_audit_logs", Tenant: "organization"}
	snap, err := catalog.Read(ctx, s.super, catalog.Options{})
	if err != nil {
		return err
	}
	model, err := tenancy.Infer(snap, tenancy.Options{Config: config})
	if err != nil {
		return err
	}
	steps, err := harden.Plan(model, plan.Options{Allow: []string{"drop_policy", "unique_swap"}})
	if err != nil {
		return err
	}
	_, err = apply.Run(ctx, apply.Options{Plan: steps, Fingerprint: catalog.FingerprintsOf,
		Connect: func(ctx context.Context) (*pgx.Conn, error) { return s.connect(ctx, database) }})
	return err
}

// services makes the function that a log-in needs of package auth, as the tables' owner; the others are in ringfence.yaml and
// came with the plan.
func (s *System) services(ctx context.Context, o Options) error {
	membership := auth.MembershipFunction(auth.MembershipTable{Schema: "callcenter", Table: "org_members", Tenant: "organization_id", TenantType: "uuid",
		User: "user_id", UserType: "text", Roles: "ARRAY(SELECT r.name FROM callcenter.org_roles r WHERE r.id = m.role_id)"}, "callcenter", "membership", Role)
	if _, err := s.super.PgConn().Exec(ctx, "SET ROLE callcenter_owner;\n"+membership+"RESET ROLE;").ReadAll(); err != nil {
		return fmt.Errorf("making the function of a person's memberships: %w", err)
	}
	if o.PasswordHash == "" {
		return nil
	}
	if _, err := s.super.Exec(ctx, "UPDATE callcenter.users SET password_hash = $1", o.PasswordHash); err != nil {
		return fmt.Errorf("giving the users a password: %w", err)
	}
	return nil
}
