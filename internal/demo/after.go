package demo

import (
	"context"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/examples/callcenter"
	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/report"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// after verifies by the catalogue, by logic and by attack, and audits again.
func (s *stage) after(ctx context.Context) error {
	s.Say("\nAfter")
	if _, err := s.super.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	m, err := s.model(ctx)
	if err != nil {
		return err
	}
	if err := s.audited(m); err != nil {
		return err
	}
	if err := s.attacked(ctx, m); err != nil {
		return err
	}
	foreign, own, err := s.reads(ctx, newRole, "after")
	if err != nil {
		return err
	}
	s.check("the hole is closed", foreign == 0 && own > 0, "as %s with organisation 1 in the context: %.0f own contacts, %.0f of others", newRole, own, foreign)
	s.Say("  as the application, in the name of organisation 1: %.0f own contacts, and %.0f of other organisations", own, foreign)
	if err := s.latency(ctx, newRole, "after"); err != nil {
		return err
	}
	s.split(m)
	return nil
}

// audited audits again, and plans again: both have to come to nothing.
func (s *stage) audited(m *tenancy.Model) error {
	n := audit.Run(audit.Read(m), audit.Rules(), time.Now()).Summary()
	for _, severity := range []string{"critical", "high", "medium"} {
		s.figure("findings_after_"+severity, severity+" findings after", float64(n[severity]), "findings", "ringfence audit")
	}
	again, err := harden.Plan(m, plan.Options{Allow: allowed})
	if err != nil {
		return err
	}
	s.check("nothing is left to plan", len(again.Steps) == 0, "%d steps", len(again.Steps))
	s.Say("  audit: %d critical, %d high, %d medium; planning again gives %d steps", n["critical"], n["high"], n["medium"], len(again.Steps))
	return nil
}

// attacked verifies every step, proves every cell and attacks every table.
func (s *stage) attacked(ctx context.Context, m *tenancy.Model) error {
	steps, err := apply.Verify(ctx, s.options())
	if err != nil {
		return err
	}
	conn, err := s.connect(ctx, database, superuser)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	v, err := harden.Attack(ctx, conn, m, &plan.Plan{}, nil, nil)
	if err != nil {
		return err
	}
	r := report.OfVerify(m, steps, v.Cells, v.Tried).Check
	open := slices.DeleteFunc(slices.Clone(v.Cells), func(c prove.Cell) bool {
		return c.Kind != "isolation" || c.Accepted != nil || c.Verdict == prove.Proved || c.Verdict == prove.Probed
	})
	_, _, accepted := prove.Summary(v.Cells)
	s.figure("accepted_after", "ways opened on purpose and accepted by name", float64(accepted), "cells", "ringfence prove")
	s.figure("proved_after", "ways proved closed", float64(r.Summary.Isolation.Proved), "cells", "ringfence prove")
	s.figure("leaks_after", "ways open after", float64(r.Summary.Isolation.Leak), "cells", "ringfence prove")
	s.figure("probes_held", "probes that held", float64(r.Summary.Held), "probes", "ringfence verify")
	s.figure("probes_leaked", "probes that came through", float64(r.Summary.Leaked), "probes", "ringfence verify")
	s.check("every step is in place", r.Summary.NotDone+r.Summary.Unknown == 0, "%d done, %d not, %d unknown", r.Summary.Done, r.Summary.NotDone, r.Summary.Unknown)
	s.check("every cell is closed or accepted by name", len(open) == 0, "%d cells are open", len(open))
	s.check("no probe came through", r.Summary.Leaked == 0 && len(v.Wrong) == 0, "%d held, %d leaked, %d inconclusive", r.Summary.Held, r.Summary.Leaked, r.Summary.Inconclusive)
	s.Say("  prove: %d ways proved closed, %d left open on purpose (two named service functions), %d others open", r.Summary.Isolation.Proved, accepted, len(open))
	s.Say("  attack: %d probes held, %d came through", r.Summary.Held, r.Summary.Leaked)
	return nil
}

// split sorts the 39 tables by how they are isolated.
func (s *stage) split(m *tenancy.Model) {
	for _, name := range callcenter.Tables() {
		how := "not found"
		if t := m.Table(name); t != nil {
			how = map[tenancy.Class]string{
				tenancy.Owned: "by the tenant key", tenancy.Child: "through a parent", tenancy.Root: "as the root", tenancy.Global: "reference data, written by no tenant",
			}[t.Class]
		}
		s.story.Split[how] = append(s.story.Split[how], name)
	}
	s.Say("  the 39 tables: %d by the tenant key, %d through a parent, %d reference data written by no tenant",
		len(s.story.Split["by the tenant key"]), len(s.story.Split["through a parent"]), len(s.story.Split["reference data, written by no tenant"]))
}
