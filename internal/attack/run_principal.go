package attack

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// makePrincipals makes a user of each tenant in the membership tables, each user in one tenant only.
func (r *runner) makePrincipals(ctx context.Context, tx pgx.Tx) {
	if len(r.settings) == 0 || !r.opts.AllowWrites {
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
		if rel != nil && len(r.s.keysOf(rel)) > 0 && !slices.Contains(out, rel) {
			out = append(out, rel)
		}
	}
	for _, c := range r.opts.Model.Contexts {
		if c.Kind == "membership" || c.Kind == "session_table" {
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

// resolve finds what the settings hold where the tenant's own value does not do: the columns of a row of each table in which
// policies look tenants up are tried until both owners read their rows.
func (r *runner) resolve(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target) {
	r.refresh(targets)
	if r.resolved || len(r.settings) == 0 || targets[0].existing {
		return
	}
	if !r.principal() && r.owners(ctx, tx, role, targets) {
		r.resolved = true
		return
	}
	r.makePrincipals(ctx, tx)
	before := r.settings
	for _, flags := range r.guesses() {
		r.settings = flags
		if r.candidates(ctx, tx, role, targets) {
			r.resolved, r.s.contexts = true, flags
			return
		}
	}
	r.settings = before
}

// principal reports whether some context names a user rather than a tenant.
func (r *runner) principal() bool {
	return slices.ContainsFunc(r.settings, func(s setting) bool { return slices.Contains(s.principal, true) })
}

// guesses returns the settings as the model has them and, where it says that all hold the tenant, once more as if they held
// something that stands for it.
func (r *runner) guesses() [][]setting {
	if r.principal() {
		return [][]setting{r.settings}
	}
	var other []setting
	for _, s := range r.settings {
		s.principal = slices.Repeat([]bool{true}, len(s.principal))
		other = append(other, s)
	}
	return [][]setting{other}
}

// candidates tries what may stand for the tenants: their own values, then the columns of the rows that say so.
func (r *runner) candidates(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target) bool {
	if r.stands(ctx, tx, role, targets, &r.tenants[0].Value, &r.tenants[1].Value) {
		return true
	}
	for _, rel := range r.memberships() {
		a, b := r.maker.rows[rowKey{rel.Identity(), "A"}], r.maker.rows[rowKey{rel.Identity(), "B"}]
		if a == nil || b == nil {
			continue
		}
		for _, c := range rel.Columns {
			if r.stands(ctx, tx, role, targets, a.values[c.Name], b.values[c.Name]) {
				return true
			}
		}
	}
	return false
}

// owners reports whether both owners read their rows.
func (r *runner) owners(ctx context.Context, tx pgx.Tx, role string, targets [2]*Target) bool {
	for _, t := range targets {
		if h := r.run(ctx, tx, read, t.as(role, t.Owner)); h.err != nil || !h.reached {
			return false
		}
	}
	return true
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
	if !r.owners(ctx, tx, role, targets) {
		r.tenants, r.users = before, users
		r.refresh(targets)
		return false
	}
	return true
}

// rowsByTable returns the rows made so far: identity → tenant → row.
func (r *runner) rowsByTable() map[string]map[string]map[string]*string {
	out := map[string]map[string]map[string]*string{}
	for k, m := range r.maker.rows {
		if out[k.relation] == nil {
			out[k.relation] = map[string]map[string]*string{}
		}
		out[k.relation][k.tenant] = m.values
	}
	return out
}

// refresh gives targets of made rows the tenants' present contexts, and the rows made so far.
func (r *runner) refresh(targets [2]*Target) {
	for i, t := range targets {
		if t != nil && !t.existing {
			t.Owner.Context, t.Other.Context = r.tenants[1-i].Context, r.tenants[i].Context
			t.Rows = r.rowsByTable()
		}
	}
}
