package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// trail plans the security trail where ringfence.yaml has trail: its tables, who uses them, and the view under the
// application's names. It is asked for by name there, so that no danger has to be allowed again.
func (p *planner) trail() {
	c := p.config.Trail
	if c == nil {
		return
	}
	p.allow["trail"] = true
	if !p.trailStands() {
		p.add(&trailTable, Target{}, how{})
	}
	for _, use := range []struct{ name, role string }{{trailsql.Writer, c.Writer}, {trailsql.Reader, c.Reader}, {trailsql.Keeper, c.Keeper}} {
		if use.role == "" || p.trailOpenTo(use.name, use.role) {
			continue
		}
		if p.snap.Role(use.role) == nil && use.role != p.roleName() {
			p.withhold("trail_access", use.role, "there is no role of this name to be the trail's "+use.name, "")
			continue
		}
		p.add(&trailAccess, Target{Role: use.role, Options: []string{use.name}, Privileges: p.schemaUsage(use.role)}, how{})
	}
	if c.View != "" && p.snap.Relation(Name{trailsql.Schema, c.View}.Identity()) == nil {
		t := Target{Name: Name{trailsql.Schema, c.View}, Role: c.Reader}
		if c.Tenant != "" {
			t.Columns = []string{c.Tenant}
		}
		p.add(&trailView, t, how{})
	}
}

// trailStands answers from the snapshot what the step's Done asks the catalogue.
func (p *planner) trailStands() bool {
	for _, f := range trailsql.Functions() {
		if !p.ownFunction(f, trailsql.Owner) {
			return false
		}
	}
	for _, table := range trailsql.Tables() {
		r := p.snap.Relation(Name{trailsql.Schema, table}.Identity())
		if r == nil || r.Owner != trailsql.Owner || !r.RowSecurity || !r.ForceRLS || !guarded(r) {
			return false
		}
	}
	r := p.snap.Relation(Name{trailsql.Schema, trailsql.Events}.Identity())
	return hasColumns(r) && hasAll(trailsql.Checks(), func(name string) bool {
		return slices.ContainsFunc(r.Constraints, func(c catalog.Constraint) bool { return c.Name == name })
	}) && !slices.ContainsFunc(trailsql.Indexes, func(i trailsql.Index) bool {
		return !slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool { return x.Name == i.Name && x.Valid })
	})
}

// guarded reports whether both triggers that refuse changes always fire, and the owner's policies stand.
func guarded(r *catalog.Relation) bool {
	return hasAll([]string{"trail_refuse_row", "trail_refuse_statement"}, func(name string) bool {
		return slices.ContainsFunc(r.Triggers, func(t catalog.Trigger) bool { return t.Name == name && t.Enabled == "always" })
	}) && hasAll([]string{"trail_append", "trail_own"}, func(name string) bool {
		return slices.ContainsFunc(r.Policies, func(q catalog.Policy) bool {
			return q.Name == name && slices.Equal(q.Roles, []string{trailsql.Owner})
		})
	})
}

func hasColumns(r *catalog.Relation) bool {
	return slices.EqualFunc(r.Columns, trailsql.Columns, func(has catalog.Column, want trailsql.Column) bool {
		return has.Name == want.Name && has.Type == want.Type && has.NotNull != want.Null
	})
}

func hasAll[T any](all []T, has func(T) bool) bool {
	return !slices.ContainsFunc(all, func(x T) bool { return !has(x) })
}

// trailOpenTo answers from the snapshot whether the role may use the trail so.
func (p *planner) trailOpenTo(use, role string) bool {
	for _, f := range trailsql.Functions() {
		if f.For != use {
			continue
		}
		if has := p.schemaFunction(f.Name); has == nil || len(missing(has.Grants, role, []string{"EXECUTE"})) > 0 {
			return false
		}
	}
	for _, table := range trailsql.Tables() {
		r := p.snap.Relation(Name{trailsql.Schema, table}.Identity())
		if use == trailsql.Reader && (r == nil || len(missing(r.Grants, role, []string{"SELECT"})) > 0 || !slices.ContainsFunc(r.Policies, func(q catalog.Policy) bool {
			return q.Name == trailsql.ReadPolicy && slices.Equal(q.Roles, []string{role})
		})) {
			return false
		}
	}
	return true
}
