package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// table plans what one table needs, by its class.
func (p *planner) table(t *tenancy.Table) {
	if t.Relation.Extension != "" || t.Relation.Schema == "ringfence" {
		return
	}
	if why := p.outOfReach(Target{Name: nameOf(t.Relation)}); why != "" && t.Class.Tenant() {
		p.withhold("enable_rls", t.Relation.Identity(), why, "")
		return
	}
	switch {
	case t.Relation.Kind == catalog.Foreign && t.Class.Tenant():
		p.withhold("enable_rls", t.Relation.Identity(), "a foreign table has no row security: it can only be closed by privileges", "")
	case t.Class.Tenant():
		p.tenantTable(t)
	case t.Class == tenancy.Global:
		p.globalTable(t)
	case t.Class == tenancy.Infrastructure:
		p.infrastructure(t)
	case t.Class == tenancy.Unclassified:
		p.withhold("enable_rls", t.Relation.Identity(), "nobody has said what the table is to the tenants: "+t.Why, "")
	}
	if t.Class.Tenant() || t.Class == tenancy.Global {
		p.updatedAt(t)
	}
}

func (p *planner) tenantTable(t *tenancy.Table) {
	rows, err := p.predicate(t)
	if err != nil {
		why := err.Error()
		if p.noContext != nil && t.Relation.RowSecurity && len(t.Relation.Policies) > 0 {
			why = "it has policies, and " + p.noContext.Error()
		}
		p.withhold("create_policy", t.Relation.Identity(), why, "")
		p.withoutPolicy(t)
		return
	}
	if column := p.addedKey(t); column != "" {
		p.addKey(t, column)
	}
	p.tenantIndex(t, rows)
	p.nullableKey(t)
	p.dangerousPrivileges(t.Relation)
	for _, command := range p.policyCommands() {
		p.policies(t, PolicyShape{Command: command, Rows: rows})
	}
	p.switchOn(t)
	p.force(t)
}

// withoutPolicy plans what a tenant table needs whoever writes its policies.
func (p *planner) withoutPolicy(t *tenancy.Table) {
	if p.noContext == nil {
		return
	}
	if len(t.Key) == 1 && t.Relation.ColumnByName(t.Key[0]) != nil {
		p.tenantIndex(t, Predicate{Key: &KeyTest{Column: t.Key[0]}})
		p.nullableKey(t)
	}
	p.dangerousPrivileges(t.Relation)
}

// globalTable lets everybody read and no tenant write. Its owner goes on maintaining it, hence no FORCE.
func (p *planner) globalTable(t *tenancy.Table) {
	if t.Relation.Kind == catalog.Foreign {
		return
	}
	p.dangerousPrivileges(t.Relation)
	if t.Confidence == tenancy.Guess && p.heldByApplication(t.Relation) {
		p.withhold("revoke", t.Relation.Identity(), "the application writes it, and nothing tells whose its rows are: ringfence.yaml has to say which class it is, or its key", "")
		return
	}
	p.revokeFrom(t.Relation, []string{"INSERT", "UPDATE", "DELETE"}, p.wantsFor("revoke", t.Relation.Identity()))
	p.policies(t, PolicyShape{Command: "SELECT", Rows: Predicate{Every: true}})
	p.switchOn(t)
	if !t.Relation.ForceRLS {
		p.withhold("force_rls", t.Relation.Identity(), "reference data is maintained by its owner, whom FORCE would keep from writing it", "")
	}
}

// infrastructure takes every privilege on a table that is no tenant's business, where somebody said so; else it says what it would do.
func (p *planner) infrastructure(t *tenancy.Table) {
	if t.Confidence != tenancy.Certain {
		if p.heldByApplication(t.Relation) {
			p.withhold("revoke", t.Relation.Identity(), "it looks like the system's own table, and the application reaches it: ringfence.yaml has to say which it is", "")
		}
		return
	}
	p.revokeFrom(t.Relation, everyPrivilege, p.wantsFor("revoke", t.Relation.Identity()))
}

func (p *planner) heldByApplication(r *catalog.Relation) bool {
	return slices.ContainsFunc(r.Grants, func(g catalog.Grant) bool { return p.holders[g.Grantee] && g.Grantee != r.Owner })
}

func (p *planner) switchOn(t *tenancy.Table) {
	if !t.Relation.RowSecurity {
		p.add(&enableRLS, Target{Name: nameOf(t.Relation)}, how{group: t.Relation.Identity(), why: p.wantsFor("enable_rls", t.Relation.Identity())})
	}
}

func (p *planner) force(t *tenancy.Table) {
	if t.Relation.ForceRLS {
		return
	}
	if !p.bypassed {
		p.withhold("force_rls", t.Relation.Identity(),
			"no role may bypass row security: dumps, back-fills and foreign keys would go blind; that the application is not the owner does the work here", "")
		return
	}
	p.add(&forceRLS, Target{Name: nameOf(t.Relation)}, how{why: p.wantsFor("force_rls", t.Relation.Identity())})
}

// somebodyBypasses reports whether a role that is no application may see all rows once row security is forced. That some
// superuser exists says nothing where a provider keeps it: it counts only as this session's, or named as a service.
func (p *planner) somebodyBypasses() bool {
	apps := p.m.Applications()
	for i := range p.snap.Roles {
		r := &p.snap.Roles[i]
		if slices.Contains(apps, r.Name) || !r.BypassRLS && !r.Superuser {
			continue
		}
		if !r.Superuser || r.Name == p.snap.Server.SessionRole || p.isService(r.Name) {
			return true
		}
	}
	return false
}

func (p *planner) isService(role string) bool {
	return slices.ContainsFunc(p.m.Roles, func(r tenancy.Role) bool { return r.Name == role && r.Kind == tenancy.Service })
}

// nullableKey closes a tenant key against NULL, without reading the table under an exclusive lock.
func (p *planner) nullableKey(t *tenancy.Table) {
	if len(t.Key) != 1 || t.Relation.Partition != nil || slices.Contains(p.m.Sentinels, "NULL") {
		return
	}
	if c := t.Relation.ColumnByName(t.Key[0]); c != nil && !c.NotNull {
		p.closeAgainstNull(t, c.Name)
	}
}

func (p *planner) closeAgainstNull(t *tenancy.Table, column string) {
	r := t.Relation
	target := Target{Name: nameOf(r), Columns: []string{column}, Partitions: p.partitionsOf(r)}
	target.Object.Name = uniqueName(func(n string) bool { return hasConstraint(r, n) }, r.Name, column, "not_null")
	h := how{why: p.wantsFor("not_null", r.Identity())}
	existing, validated := nullCheck(r, column)
	if existing != "" {
		target.Object.Name = existing
	} else {
		p.add(&notNullCheck, target, h)
	}
	if !validated {
		p.add(&notNullValidate, target, h)
	}
	p.add(&notNull, target, h)
}

// nullCheck finds what an interrupted run left: the check by its text, which only Done judges.
func nullCheck(r *catalog.Relation, column string) (name string, validated bool) {
	for i := range r.Constraints {
		c := &r.Constraints[i]
		if c.Kind == "check" && c.Check != nil && c.Check.Text == "("+printedIdent(column)+" IS NOT NULL)" ||
			c.Kind == "not_null" && slices.Equal(c.Columns, []string{column}) {
			return c.Name, c.Validated
		}
	}
	return "", false
}

func hasConstraint(r *catalog.Relation, name string) bool {
	return slices.ContainsFunc(r.Constraints, func(c catalog.Constraint) bool { return c.Name == name })
}

// partitionsOf lists every table below a partitioned one.
func (p *planner) partitionsOf(r *catalog.Relation) []Name {
	var out []Name
	for i := range p.snap.Relations {
		child := &p.snap.Relations[i]
		if child.Partition != nil && child.Partition.Parent == r.Identity() {
			out = append(out, nameOf(child))
			out = append(out, p.partitionsOf(child)...)
		}
	}
	return out
}
