package demo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// allowed are the dangers that the story allows, by name: a second policy that undoes the first is taken away, and a key that
// spans all tenants gives way to one within each.
var allowed = []string{"drop_policy", "unique_swap"}

// plan plans what isolates the system.
func (s *stage) plan(ctx context.Context) error {
	m, err := s.model(ctx)
	if err != nil {
		return err
	}
	if s.steps, err = harden.Plan(m, plan.Options{Allow: allowed}); err != nil {
		return err
	}
	s.figure("steps", "steps planned", float64(len(s.steps.Steps)), "steps", "ringfence plan")
	s.Say("\nPlan\n  %d steps, %d withheld with their reasons", len(s.steps.Steps), len(s.steps.Withheld))
	return nil
}

func (s *stage) options() apply.Options {
	return apply.Options{
		Plan: s.steps,
		Connect: func(ctx context.Context) (*pgx.Conn, error) {
			return pg.Connect(ctx, s.server.DSN(database, pg.Superuser), pg.Options{SimpleProtocol: true})
		},
		Fingerprint: catalog.FingerprintsOf,
		Progress: func(e apply.Event) {
			if e.Kind == apply.EventEnd {
				s.Step(e.Step, e.Of, e.What+" "+e.Object)
			}
		},
	}
}

// apply carries the plan out while two clients of the application keep reading and writing.
func (s *stage) apply(ctx context.Context) error {
	s.Say("\nApply, while the application keeps reading and writing")
	p, err := s.pulse(ctx, oldRole)
	if err != nil {
		return err
	}
	began := time.Now()
	result, err := apply.Run(ctx, s.options())
	took := time.Since(began)
	p.end()
	if err != nil {
		return err
	}
	s.figure("apply", "plan applied", took.Seconds(), "s", "wall clock of apply.Run")
	for _, kind := range []string{"read", "write"} {
		s.figure("longest_"+kind, "longest wait of a "+kind+" meanwhile", float64(p.longest[kind].Microseconds())/1000, "ms", "longest of the clients' transactions")
	}
	s.check("every step done", result.Count(apply.Did) == len(s.steps.Steps), "%d of %d steps done", result.Count(apply.Did), len(s.steps.Steps))
	s.check("no statement of the application failed", len(p.failures) == 0, "%d transactions, %d failed %v", p.count, len(p.failures), first(p.failures))
	s.Say("  %d steps in %.1f s; of %d transactions none failed, the longest read waited %.0f ms, the longest write %.0f ms",
		result.Count(apply.Did), took.Seconds(), p.count, ms(p.longest["read"]), ms(p.longest["write"]))
	if _, err := s.number(ctx, s.super, "index_bytes", "size of the indexes built", "bytes", indexBytes(s.steps)); err != nil {
		return err
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func first(words []string) []string { return words[:min(len(words), 1)] }

// indexBytes is the query for the size of what the plan's index steps built.
func indexBytes(p *plan.Plan) string {
	list := ""
	for _, s := range p.Steps {
		if s.Kind == "tenant_index" {
			if list != "" {
				list += ", "
			}
			list += pg.Literal(s.Object)
		}
	}
	if list == "" {
		return "SELECT 0"
	}
	return fmt.Sprintf("SELECT coalesce(sum(pg_relation_size(to_regclass(name))), 0) FROM unnest(ARRAY[%s]) AS name", list)
}

// back takes everything back and compares the catalogue with the one before.
func (s *stage) back(ctx context.Context) error {
	s.Say("\nAnd back")
	began := time.Now()
	o := s.options()
	_, err := apply.Rollback(ctx, o)
	if ask := (*apply.AskError)(nil); errors.As(err, &ask) {
		for _, q := range ask.Questions {
			o.Allow = append(o.Allow, q.Name)
		}
		_, err = apply.Rollback(ctx, o)
	}
	if err != nil {
		return err
	}
	took := time.Since(began)
	s.figure("rollback", "plan taken back", took.Seconds(), "s", "wall clock of apply.Rollback")
	now, err := catalog.Read(ctx, s.super, catalog.Options{})
	if err != nil {
		return err
	}
	s.check("rolled back to the catalogue from before", now.Fingerprint() == s.first.Fingerprint(), "fingerprints of the catalogue: %.12s before, %.12s now", s.first.Fingerprint(), now.Fingerprint())
	s.Say("  taken back in %.1f s: the catalogue is the one from before", took.Seconds())
	return nil
}
