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

// errNoRow says that the target was not where it should be.
var errNoRow = errors.New("the row is not in its table")

// errNoLookalike says that no tenant of a like name could be made that reads its own row.
var errNoLookalike = errors.New("no tenant of a like name works")

// aim returns the two targets in a table: B's row for A to try, and A's row for B. Where rows cannot be made, two that are
// there are taken, to be read only.
func (r *runner) aim(ctx context.Context, tx pgx.Tx, t *tenancy.Table) ([2]*Target, error) {
	var rows [2]*made
	var err error
	if r.opts.AllowWrites && r.refusals[t.Relation.Identity()] == "" {
		if _, err := query(ctx, tx, "SET CONSTRAINTS ALL DEFERRED"); err != nil {
			return [2]*Target{}, fmt.Errorf("deferring constraints: %w", err)
		}
		for i := range rows {
			if rows[i], err = r.maker.row(ctx, tx, t.Relation, r.tenants[i]); err != nil {
				break
			}
		}
		if err == nil {
			err = r.settleConstraints(ctx, tx, t)
		}
	} else {
		err = &Unmade{Table: t.Relation.Identity(), Why: cmp.Or(r.refusals[t.Relation.Identity()], "writes were not allowed")}
	}
	tenants := r.tenants
	if err != nil {
		if rows, tenants, err = r.existing(ctx, tx, t, err); err != nil {
			return [2]*Target{}, err
		}
	}
	var out [2]*Target
	for i := range out {
		owner, other := 1-i, i // the first target is B's row
		out[i] = r.target(ctx, tx, t, rows[owner], rows[other], tenants[owner], tenants[other])
	}
	return out, nil
}

// settleConstraints has deferred constraints judge the rows now, so that no probe is blamed for them.
func (r *runner) settleConstraints(ctx context.Context, tx pgx.Tx, t *tenancy.Table) error {
	err := within(ctx, tx, func(sp pgx.Tx) error {
		_, err := query(ctx, sp, "SET CONSTRAINTS ALL IMMEDIATE")
		return err
	})
	if e := pg.ServerError(err); e != nil {
		return &Unmade{Table: t.Relation.Identity(), Constraint: culprit(e), Why: "deferred constraint, SQLSTATE " + e.Code}
	}
	return err
}

// existing takes the rows of two tenants that are there.
func (r *runner) existing(ctx context.Context, tx pgx.Tx, t *tenancy.Table, why error) ([2]*made, pair, error) {
	var rows [2]*made
	keys := keyColumns(t)
	if len(keys) == 0 {
		return rows, pair{}, why
	}
	values, err := r.maker.existingTenants(ctx, tx, t.Relation, keys[0])
	if err != nil || len(values) < 2 {
		return rows, pair{}, why
	}
	tenants := r.tenants
	for i, v := range values {
		tenants[i] = Tenant{Name: tenantNames[i], Value: v}
		if r.maker.contexts {
			if tenants[i].Context, err = contextOf(r.settings, v, r.users[i], r.opts.Sign); err != nil {
				return rows, pair{}, err
			}
		}
		if r.roleContext {
			tenants[i].Role = v
		}
		cond := (&Target{Table: t, s: r.s}).match(keys[:1], map[string]*string{keys[0]: &v})
		if rows[i], err = r.maker.find(ctx, tx, t.Relation, cond); err != nil || rows[i] == nil {
			return rows, pair{}, fmt.Errorf("%w; and its rows could not be read", why)
		}
	}
	return rows, tenants, nil
}

// target describes one tenant's row to the probes.
func (r *runner) target(ctx context.Context, tx pgx.Tx, t *tenancy.Table, row, mine *made, owner, other Tenant) *Target {
	out := &Target{Table: t, Relation: tableName(t.Relation), Row: row.values, Mine: mine.values, Owner: owner, Other: other,
		Marker: row.marker, base: tableName(t.Relation), s: r.s, existing: row.existing || mine.existing, stored: row.stored}
	out.Key, out.trusted, out.make = keyOf(t.Relation, row.values), r.memberships(), r.spareOf
	if out.existing {
		return out
	}
	out.Spare, out.vacate = r.spare(ctx, tx, t.Relation, owner, row)
	out.Ours, _ = r.spare(ctx, tx, t.Relation, other, mine)
	out.Rows = r.rowsByTable()
	return out
}

// spare returns a second row of the tenant's. Where keys leave room for one row only, it is the row itself, and the probe has
// to have it taken away first.
func (r *runner) spare(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant, row *made) (map[string]*string, bool) {
	if t := r.maker.tables[rel.Identity()]; t != nil && slices.Equal(keyColumns(t), primaryKey(rel)) {
		return row.given, true
	}
	if values, err := r.maker.spare(ctx, tx, rel, tenant); err == nil {
		return values, false
	}
	return row.given, true
}

// spareOf returns values for a row of another table, that would be accepted, for a probe that writes there.
func (r *runner) spareOf(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (map[string]*string, error) {
	var out map[string]*string
	err := undone(ctx, tx, func(sp pgx.Tx) error {
		if err := r.s.step(ctx, sp, ""); err != nil {
			return err
		}
		var err error
		out, err = r.maker.spare(ctx, sp, rel, tenant)
		return err
	})
	return out, err
}

// path is the target's path, never nil.
func (t *Target) path() Path {
	if t.Path == nil {
		return Path{}
	}
	return t.Path
}

// control reports whether the owner of the row is the one who tries.
func (t *Target) control() bool { return t.Actor.Name == t.Owner.Name }

// through returns the target as it is reached through another relation.
func (t *Target) through(via string, rel *catalog.Relation) *Target {
	u := *t
	u.seen, u.Relation, u.Path = rel, tableName(rel), append(slices.Clone(t.Path), Hop{via, rel.Identity()})
	return &u
}

// as returns the target as one actor of one role sees it.
func (t *Target) as(role string, actor Tenant) *Target {
	u := *t
	u.Role, u.Actor = role, actor
	return &u
}
