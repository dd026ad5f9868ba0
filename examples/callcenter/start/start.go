// Package start brings reference system B up as a person would find it after the remediation: a server, the schema as it was,
// its rows, and then what ringfence plan and apply made of it. It is the one part of the example that imports internal
// packages: an application of one's own has a database already, and hardens it by the command line.
package start

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/examples/internal/stage"
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
type System struct{ *stage.Stage }

// Run starts a server, loads the system, plans, applies, and makes what works without a tenant. The server ends with Close,
// or with the process.
func Run(ctx context.Context, o Options) (*System, error) {
	ground, err := stage.Open(ctx, database, map[string]string{"jit": "off"})
	if err != nil {
		return nil, err
	}
	s := &System{ground}
	for _, step := range []func(context.Context, Options) error{s.load, s.harden, s.services} {
		if err := step(ctx, o); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// DSN is the application's way in.
func (s *System) DSN() string { return s.Stage.DSN(Role) }

// TrailDSN is the way in of what ships the trail's events.
func (s *System) TrailDSN() string { return s.Stage.DSN(trailRole) }

func (s *System) load(ctx context.Context, o Options) error {
	seed := fmt.Sprintf("SET seed.organizations = %d; SET seed.events = %d;\n%s\nANALYZE;", cmp.Or(o.Organizations, 4), cmp.Or(o.Events, 400), callcenter.Seed)
	for _, script := range []string{callcenter.Schema, seed, "CREATE ROLE " + trailRole + " LOGIN"} {
		if err := s.Stage.Run(ctx, "loading the reference system", script); err != nil {
			return err
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
	steps, err := s.Plan(ctx, config, "drop_policy", "unique_swap")
	if err != nil {
		return err
	}
	return s.Apply(ctx, steps)
}

// services makes the function that a log-in needs of package auth, as the tables' owner; the others are in ringfence.yaml and
// came with the plan.
func (s *System) services(ctx context.Context, o Options) error {
	membership := auth.MembershipFunction(auth.MembershipTable{Schema: "callcenter", Table: "org_members", Tenant: "organization_id", TenantType: "uuid",
		User: "user_id", UserType: "text", Roles: "ARRAY(SELECT r.name FROM callcenter.org_roles r WHERE r.id = m.role_id)"}, "callcenter", "membership", Role)
	if err := s.Stage.Run(ctx, "making the function of a person's memberships", "SET ROLE callcenter_owner;\n"+membership+"RESET ROLE;"); err != nil {
		return err
	}
	if o.PasswordHash == "" {
		return nil
	}
	if _, err := s.Super().Exec(ctx, "UPDATE callcenter.users SET password_hash = $1", o.PasswordHash); err != nil {
		return fmt.Errorf("giving the users a password: %w", err)
	}
	return nil
}
