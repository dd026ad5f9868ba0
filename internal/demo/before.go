package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// load makes the system as it stands before any remediation.
func (s *stage) load(ctx context.Context) error {
	s.Say("Reference system B: a call centre with %d organisations in shared tables", s.Organizations)
	began := time.Now()
	seed := fmt.Sprintf("SET seed.organizations = %d; SET seed.events = %d;\n%s\nANALYZE;", s.Organizations, s.Events, callcenter.Seed)
	for _, script := range []string{callcenter.Schema, seed} {
		if _, err := s.super.PgConn().Exec(ctx, script).ReadAll(); err != nil {
			return fmt.Errorf("loading the reference system: %w", err)
		}
	}
	s.figure("load", "schema and rows loaded", time.Since(began).Seconds(), "s", "wall clock of schema.sql and seed.sql")
	if _, err := s.number(ctx, s.super, "tables", "tables", "tables", `SELECT count(*) FROM pg_class WHERE relkind IN ('r','p') AND NOT relispartition AND relnamespace::regnamespace::text IN ('callcenter','"Telephony"')`); err != nil {
		return err
	}
	rows, err := s.number(ctx, s.super, "rows", "rows in the largest table", "rows", "SELECT count(*) FROM "+bigTable)
	if err != nil {
		return err
	}
	s.Say("  loaded in %.1f s, %.0f rows in the largest table", time.Since(began).Seconds(), rows)
	return nil
}

// model reads the catalogue as it is now. The configuration names the role that the plan makes; until then the application is
// who it is today.
func (s *stage) model(ctx context.Context) (*tenancy.Model, error) {
	snap, err := catalog.Read(ctx, s.super, catalog.Options{})
	if err != nil {
		return nil, err
	}
	return tenancy.Infer(snap, tenancy.Options{Config: s.config})
}

// before audits the system, proves what leaks, and reads another organisation's rows as the application.
func (s *stage) before(ctx context.Context) error {
	s.Say("\nBefore")
	began := time.Now()
	m, err := s.model(ctx)
	if err != nil {
		return err
	}
	s.first = m.Snapshot
	found := audit.Run(audit.Read(m), audit.Rules(), time.Now())
	took := time.Since(began)
	s.figure("audit", "catalogue read and audited", took.Seconds(), "s", "wall clock of catalog.Read, tenancy.Infer and audit.Run")
	n := found.Summary()
	for _, severity := range []string{"critical", "high", "medium"} {
		s.figure("findings_before_"+severity, severity+" findings before", float64(n[severity]), "findings", "ringfence audit")
	}
	s.Say("  audit in %.2f s: %d critical, %d high, %d medium", took.Seconds(), n["critical"], n["high"], n["medium"])
	c, _, _ := prove.Summary(prove.Logic(m, time.Now()))
	s.figure("leaks_before", "ways open before", float64(c.Leak), "cells", "ringfence prove")
	s.Say("  prove: %d of %d ways to a row leak", c.Leak, c.Leak+c.Proved+c.Probed+c.Unproven)
	foreign, own, err := s.reads(ctx, oldRole, "before")
	if err != nil {
		return err
	}
	s.check("the hole is real", foreign > 0 && own > 0, "as %s with organisation 1 in the context: %.0f own contacts, %.0f of others", oldRole, own, foreign)
	s.Say("  as the application, in the name of organisation 1: %.0f own contacts, and %.0f of other organisations", own, foreign)
	return s.latency(ctx, oldRole, "before")
}

// tenant is the n-th organisation's key, as seed.sql makes it.
func tenant(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012x", n) }

// reads counts, as role and in the context of the first organisation, its own contacts and those of all others.
func (s *stage) reads(ctx context.Context, role, when string) (foreign, own float64, err error) {
	conn, err := s.connect(ctx, database, role)
	if err != nil {
		return 0, 0, err
	}
	defer conn.Close(ctx)
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT set_config($1, $2, true)", setting, tenant(1)); err != nil {
			return err
		}
		const query = "SELECT count(*) FROM callcenter.crm_contacts WHERE organization_id %s '%s'"
		if foreign, err = s.number(ctx, conn, "foreign_rows_"+when, "other organisations' contacts readable "+when, "rows", fmt.Sprintf(query, "<>", tenant(1))); err != nil {
			return err
		}
		own, err = s.number(ctx, conn, "own_rows_"+when, "own contacts readable "+when, "rows", fmt.Sprintf(query, "=", tenant(1)))
		return err
	})
	return foreign, own, err
}
