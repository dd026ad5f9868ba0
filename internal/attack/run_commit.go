package attack

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// passCommitted runs the probes for what shows with a COMMIT only. It runs on a copy of one's own, each half in a transaction whose
// rows are made, taken away again and committed so.
func (r *runner) passCommitted(ctx context.Context) error {
	if !r.opts.Clone || !r.opts.AllowWrites {
		return nil
	}
	for _, p := range r.opts.Probes {
		for _, t := range r.tables {
			bare := &Target{Table: t, s: r.s}
			if !p.Commits || !p.Applies(bare) || r.refusals[t.Relation.Identity()] != "" {
				continue
			}
			for i := range p.Ways(bare) {
				for _, role := range r.roles {
					e, err := r.committed(ctx, p, t, i, role)
					if err != nil {
						return err
					}
					r.add(p, role, t, e)
				}
			}
		}
	}
	return nil
}

// committed runs both halves of a probe on the way of that number, and judges.
func (r *runner) committed(ctx context.Context, p Probe, t *tenancy.Table, way int, role string) (Entry, error) {
	var halves [2]half
	var aimed *Target
	for i := range halves {
		h, target, err := r.committedHalf(ctx, p, t, way, role, i == 0)
		if err != nil {
			return Entry{}, err
		}
		halves[i] = h
		if target != nil {
			aimed = target
		}
	}
	e := judge(halves[0], halves[1])
	e.Statement = statement(role, halves[1])
	if aimed != nil {
		e.Path = aimed.path()
		if e.Outcome == Leaked {
			e.Why = fmt.Sprintf("%s: tenant %s's row was reached in %s", title(p.Doc), aimed.Owner.Name, p.Stranger)
			e.Witness = witness(aimed, halves[1].actor)
		}
	}
	return e, nil
}

// committedHalf makes the tenants' rows and has the owner or the stranger try. The error is that of the connection.
func (r *runner) committedHalf(ctx context.Context, p Probe, t *tenancy.Table, way int, role string, owner bool) (half, *Target, error) {
	tx, err := r.opts.Conn.Begin(ctx)
	if err != nil {
		return half{}, nil, fmt.Errorf("beginning another part of the attack: %w", err)
	}
	defer rollback(ctx, tx)
	if err := r.limit(ctx, tx); err != nil {
		return half{}, nil, err
	}
	r.maker.forget()
	h := half{ran: true}
	if h.err = r.birth(ctx, tx); h.err != nil {
		return h, nil, nil
	}
	targets, err := r.aim(ctx, tx, t)
	if err != nil {
		h.err = err
		return h, nil, nil
	}
	h.actor = targets[0].Other
	if owner {
		h.actor = targets[0].Owner
	}
	target := p.Ways(targets[0].as(role, h.actor))[way]
	target.commit = r.commit
	r.s.statements = nil
	h.reached, h.err = p.Try(ctx, tx, target)
	h.statements = r.s.statements
	return h, target, nil
}

// commit takes the transaction's rows away again, whatever hangs on them, and commits.
func (r *runner) commit(ctx context.Context, tx pgx.Tx) error {
	rows, err := query(ctx, tx, "SET LOCAL session_replication_role = replica; SELECT pg_catalog.pg_current_xact_id()::pg_catalog.xid")
	if err != nil {
		return fmt.Errorf("taking the rows away again: %w", err)
	}
	for i := range r.s.snap.Relations {
		rel := &r.s.snap.Relations[i]
		if rel.System || rel.Kind != catalog.Table {
			continue
		}
		// Row versions of this transaction and of its savepoints have its number or a later one.
		sql := fmt.Sprintf("DELETE FROM ONLY %s WHERE pg_catalog.age(xmin) <= pg_catalog.age(%s::pg_catalog.xid)", tableName(rel), pg.Literal(*rows[0][0]))
		if _, err := query(ctx, tx, sql); err != nil {
			return fmt.Errorf("taking the rows of %s away again: %w", rel.Identity(), err)
		}
	}
	return tx.Commit(ctx)
}
