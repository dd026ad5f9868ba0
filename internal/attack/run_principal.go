package attack

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// principals reports whether some context names a user rather than a tenant.
func (r *runner) principals() bool {
	return slices.ContainsFunc(r.settings, func(s setting) bool { return slices.Contains(s.principal, true) })
}

// makePrincipals makes a user of each tenant in the membership tables, each user in one tenant only.
func (r *runner) makePrincipals(ctx context.Context, tx pgx.Tx) {
	if !r.principals() || !r.opts.AllowWrites {
		return
	}
	r.maker.private = true
	defer func() { r.maker.private = false }()
	for _, rel := range r.memberships() {
		for _, t := range r.tenants {
			if _, err := r.maker.row(ctx, tx, rel, t); err != nil {
				r.note("users by membership: " + err.Error())
			}
		}
	}
}

// memberships returns the tables that say which user belongs to which tenant: those the contexts name, and those with a
// tenant key that policies of other tables depend on.
func (r *runner) memberships() []*catalog.Relation {
	var out []*catalog.Relation
	add := func(rel *catalog.Relation) {
		if rel != nil && len(keyColumns(r.maker.tables[rel.Identity()])) > 0 && !slices.Contains(out, rel) {
			out = append(out, rel)
		}
	}
	for _, c := range r.opts.Model.Contexts {
		if c.Kind == "membership" {
			add(r.s.snap.Relation(c.Name))
		}
	}
	for _, t := range r.opts.Model.Tables {
		for _, rel := range r.s.lookups(t.Relation) {
			add(rel)
		}
		for _, p := range t.Relation.Policies {
			for _, dep := range p.ColumnDeps {
				if i := strings.LastIndexByte(dep, '.'); i > 0 && dep[:i] != t.Relation.Identity() {
					add(r.s.snap.Relation(dep[:i]))
				}
			}
		}
	}
	return out
}

// resolve finds the values that stand for the tenants' users: the columns of a membership row are tried until the owner of a
// row can read it.
func (r *runner) resolve(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target) {
	if r.resolved || !r.principals() {
		r.refresh(targets)
		return
	}
	if r.stands(ctx, tx, role, targets, &r.tenants[0].Value, &r.tenants[1].Value) {
		r.resolved = true
		return
	}
	for _, rel := range r.memberships() {
		a, b := r.maker.rows[rowKey{rel.Identity(), "A"}], r.maker.rows[rowKey{rel.Identity(), "B"}]
		if a == nil || b == nil {
			continue
		}
		for _, c := range rel.Columns {
			if r.stands(ctx, tx, role, targets, a.values[c.Name], b.values[c.Name]) {
				r.resolved = true
				return
			}
		}
	}
}

// stands tries one pair of values as the tenants' users, and keeps it when both owners then read their rows.
func (r *runner) stands(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target, a, b *string) bool {
	if a == nil || b == nil || *a == *b {
		return false
	}
	before, users := r.tenants, r.users
	r.users = [2]string{*a, *b}
	for i := range r.tenants {
		t, err := contextOf(r.settings, r.tenants[i].Value, r.users[i], r.opts.Sign)
		if err != nil {
			r.tenants, r.users = before, users
			return false
		}
		r.tenants[i].Context = t
	}
	r.refresh(targets)
	for _, t := range targets {
		if h := r.run(ctx, tx, read, t.as(role, t.Owner)); h.err != nil || !h.reached {
			r.tenants, r.users = before, users
			r.refresh(targets)
			return false
		}
	}
	return true
}

// refresh gives targets of made rows the tenants' present contexts.
func (r *runner) refresh(targets [2]*Target) {
	for i, t := range targets {
		if t != nil && !t.existing {
			t.Owner.Context, t.Other.Context = r.tenants[1-i].Context, r.tenants[i].Context
		}
	}
}
