package demo

import (
	"context"
	"time"

	"github.com/ringfencehq/ringfence/internal/bench"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// A View is what is shown of the system when it is hardened.
type View struct {
	DSN   string            // of who sees all of it
	State *catalog.Snapshot // as hardened: what drift is told against
	Bench []*bench.Document // before and after
}

// timed times what tenants ask most, where somebody will look at it.
func (s *stage) timed(ctx context.Context) error {
	if s.Serve == nil {
		return nil
	}
	m, err := s.model(ctx)
	if err != nil {
		return err
	}
	d, err := bench.Run(ctx, bench.Options{Conn: s.super, Targets: harden.BenchTargets(m), Enter: harden.EnterContext(m, setting), Child: harden.ChildTenant(m),
		Runs: 3, WarmUp: 1, Statement: 10 * time.Second})
	if err != nil {
		return err
	}
	s.times = append(s.times, d)
	return nil
}

// serve shows the system to whoever asked for it. An interrupt while it is shown ends the story there.
func (s *stage) serve(ctx context.Context) error {
	if s.Serve == nil {
		return nil
	}
	m, err := s.model(ctx)
	if err != nil {
		return err
	}
	if err := s.Serve(ctx, View{DSN: s.server.DSN(database, pg.Superuser), State: m.Snapshot, Bench: s.times}); err != nil {
		return err
	}
	return ctx.Err()
}
