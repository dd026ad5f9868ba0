package attack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// unsetKey names one way of one probe of a session that never had a context.
type unsetKey struct {
	role, relation, probe, path string
	owner                       int
}

func unsetOf(role string, p Probe, t *Target, owner int) unsetKey {
	return unsetKey{role, t.Table.Relation.Identity(), p.Name, fmt.Sprint(t.path()), owner}
}

// half is one run of a probe: as the owner of the row, or as the stranger.
type half struct {
	reached    bool
	err        error
	statements []string
	actor      Tenant
	ran        bool
}

// passUnset runs the stranger's half of the probes that need a session without any context: once a setting has been set, a
// session never again has it unset. Rows made for it are rolled back.
func (r *runner) passUnset(ctx context.Context, tx pgx.Tx) error {
	if len(r.settings) == 0 || r.s.own {
		return nil
	}
	if used, err := r.usedBefore(ctx, tx); err != nil || used != "" {
		if used != "" {
			r.note("sessions that never had a context were not tried: this one has had " + used + " set before; take a fresh one")
		}
		return err
	}
	err := undone(ctx, tx, func(sp pgx.Tx) error {
		if err := r.birth(ctx, sp); err != nil {
			r.note("sessions that never had a context were not tried: " + err.Error())
			return nil
		}
		for _, t := range r.tables {
			targets, err := r.aim(ctx, sp, t)
			if err != nil {
				r.note("sessions that never had a context were not tried on " + t.Relation.Identity() + ", for want of rows made without one: " + err.Error())
				continue
			}
			for _, role := range r.roles {
				r.unsetHalves(ctx, sp, role, targets)
			}
		}
		return nil
	})
	r.maker.forget()
	r.result.Unmade, r.resolved = []Unmade{}, false
	if err != nil {
		return fmt.Errorf("attacking without a context: %w", err)
	}
	return nil
}

// usedBefore returns a context that this session has had set, other than by a default that it started with.
func (r *runner) usedBefore(ctx context.Context, tx pgx.Tx) (string, error) {
	for _, s := range r.settings {
		rows, err := query(ctx, tx, "SELECT pg_catalog.current_setting("+pg.Literal(s.name)+", true) IS NOT NULL")
		if err != nil {
			return "", fmt.Errorf("looking at the session's context: %w", err)
		}
		started := slices.ContainsFunc(r.s.defaults(r.s.user), func(d catalog.Setting) bool { return d.Name == s.name })
		if *rows[0][0] == "t" && !started {
			return s.name, nil
		}
	}
	return "", nil
}

// unsetHalves runs those probes for one role.
func (r *runner) unsetHalves(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target) {
	for _, p := range r.opts.Probes {
		if p.Stranger != Unset || r.s.touched {
			continue
		}
		for i, t := range targets {
			if t == nil {
				continue
			}
			if why, _ := r.forbidden(p, t); why != "" {
				continue
			}
			for _, way := range r.ways(p, t.as(role, t.Other)) {
				if (p.Applies == nil || p.Applies(way)) && r.beyond(p, way) == "" {
					r.unset[unsetOf(role, p, way, i)] = r.run(ctx, tx, p, way.as(role, inState(t.Other, Unset, r.settings)[0]))
				}
			}
		}
	}
}

// passMain runs every probe in two tenants' contexts.
func (r *runner) passMain(ctx context.Context, tx pgx.Tx) error {
	r.maker.contexts = true
	if err := r.birth(ctx, tx); err != nil {
		r.failAll(NoContext, err.Error())
		return nil
	}
	for i, t := range r.tables {
		r.table(ctx, tx, t)
		if r.opts.Conn.IsClosed() {
			return errors.New("attacking: the connection was lost")
		}
		if r.opts.Progress != nil {
			r.opts.Progress(i+1, len(r.tables))
		}
	}
	return nil
}

// table attacks one table as every role.
func (r *runner) table(ctx context.Context, tx pgx.Tx, t *tenancy.Table) {
	targets, err := r.aim(ctx, tx, t)
	if err != nil {
		r.unmade(t, err)
		for _, role := range r.roles {
			for _, p := range r.opts.Probes {
				r.add(p, role, t, Entry{Outcome: Inconclusive, Code: NoRows, Why: err.Error()})
			}
		}
		return
	}
	for _, role := range r.roles {
		r.resolve(ctx, tx, role, targets)
		for _, p := range r.opts.Probes {
			r.probe(ctx, tx, p, role, targets)
		}
	}
}

// unmade records why a table has no rows to aim at.
func (r *runner) unmade(t *tenancy.Table, err error) {
	var u *Unmade
	if !errors.As(err, &u) {
		u = &Unmade{Table: t.Relation.Identity(), Why: err.Error()}
	}
	r.result.Unmade = append(r.result.Unmade, *u)
}

// failAll makes every probe inconclusive.
func (r *runner) failAll(code Code, why string) {
	for _, t := range r.tables {
		for _, role := range r.roles {
			for _, p := range r.opts.Probes {
				r.add(p, role, t, Entry{Outcome: Inconclusive, Code: code, Why: why})
			}
		}
	}
}

// add completes an entry and keeps it.
func (r *runner) add(p Probe, role string, t *tenancy.Table, e Entry) {
	e.Role, e.Table, e.Probe = role, cmp.Or(e.Table, t.Relation.Identity()), p.Name
	e.Command, e.Variant, e.Kind, e.Informational = p.Command, p.Variant, cmp.Or(e.Kind, p.Kind), p.Informational
	if e.Path == nil {
		e.Path = Path{}
	}
	r.result.Entries = append(r.result.Entries, e)
}
