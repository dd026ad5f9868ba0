package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// dangerous are the privileges that no tenant's request needs and that policies do not look at.
var dangerous = []string{"TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}

// everyPrivilege lists all that a table's grants can hold.
var everyPrivilege = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN"}

func (p *planner) dangerousPrivileges(r *catalog.Relation) {
	p.revokeFrom(r, dangerous, p.wantsFor("revoke", r.Identity()))
}

// grantees are whom an application role's privileges come from: itself, the roles it inherits or may become, and PUBLIC.
func (p *planner) grantees() map[string]bool {
	out := map[string]bool{"": true}
	for _, app := range p.m.Applications() {
		out[app] = true
		if p.m.Rights == nil {
			continue
		}
		for _, id := range p.m.Rights.Identities(app) {
			out[id.Role] = true
		}
	}
	return out
}

// revokeFrom takes privileges on a relation from all through whom an application has them, but for the owner, whose they are by
// nature. Column grants of the same privilege go with the table's; those that stand alone are taken column by column.
func (p *planner) revokeFrom(r *catalog.Relation, privileges, why []string) {
	for _, role := range sortedKeys(p.holders) {
		if role == r.Owner || p.isService(role) {
			continue
		}
		p.revokeTable(r, role, privileges, why)
	}
}

func (p *planner) revokeTable(r *catalog.Relation, role string, privileges, why []string) {
	target := Target{Name: nameOf(r), Role: role}
	for _, g := range r.Grants {
		if g.Grantee == role && slices.Contains(privileges, g.Privilege) && g.Grantor == r.Owner && !p.taken[[3]string{r.Identity(), role, g.Privilege}] {
			p.taken[[3]string{r.Identity(), role, g.Privilege}] = true
			target.Privileges = append(target.Privileges, g.Privilege)
			target.Was = append(target.Was, g)
		}
	}
	slices.Sort(target.Privileges)
	target.Privileges = slices.Compact(target.Privileges)
	var alone []ColumnGrants
	for _, c := range r.Columns {
		along := ColumnGrants{Column: c.Name}
		apart := ColumnGrants{Column: c.Name}
		for _, g := range c.Grants {
			switch {
			case g.Grantee != role || !slices.Contains(privileges, g.Privilege):
			case slices.Contains(target.Privileges, g.Privilege):
				along.Grants = append(along.Grants, g)
			case p.taken[[3]string{r.Identity(), role, g.Privilege}]: // went with an earlier step's
			default:
				apart.Grants = append(apart.Grants, g)
			}
		}
		if len(along.Grants) > 0 {
			target.WasColumns = append(target.WasColumns, along)
		}
		if len(apart.Grants) > 0 {
			alone = append(alone, apart)
		}
	}
	if len(target.Privileges) > 0 {
		p.add(&revoke, target, how{why: why})
	}
	for _, c := range alone {
		one := Target{Name: nameOf(r), Role: role, Columns: []string{c.Column}, WasColumns: []ColumnGrants{c}}
		for _, g := range c.Grants {
			one.Privileges = append(one.Privileges, g.Privilege)
		}
		p.add(&revoke, one, how{why: why})
	}
}

// defaultPrivileges keeps future tables from handing out what no tenant's request needs, and, where that is allowed, rows as well.
func (p *planner) defaultPrivileges() {
	grantees := p.holders
	for _, d := range p.snap.DefaultPrivileges {
		if d.Object != "table" {
			continue
		}
		byRole := map[*Kind]map[string]*Target{&defaultPrivileges: {}, &defaultAccess: {}}
		for _, g := range d.Grants {
			if !grantees[g.Grantee] || g.Grantee == d.Owner || p.isService(g.Grantee) {
				continue
			}
			kind := &defaultAccess
			if slices.Contains(dangerous, g.Privilege) {
				kind = &defaultPrivileges
			}
			t := byRole[kind][g.Grantee]
			if t == nil {
				t = &Target{Name: Name{Schema: d.Schema}, Member: d.Owner, Role: g.Grantee, ObjectType: d.Object}
				byRole[kind][g.Grantee] = t
			}
			t.Privileges = append(t.Privileges, g.Privilege)
			t.Was = append(t.Was, g)
		}
		for _, kind := range []*Kind{&defaultPrivileges, &defaultAccess} {
			for _, role := range sortedKeys(byRole[kind]) {
				p.add(kind, *byRole[kind][role], how{why: p.wantsFor("default_privileges", defaultsOf(d))})
			}
		}
	}
}

// settings takes away tenants that sessions start with.
func (p *planner) settings() {
	for _, s := range p.snap.Settings {
		for _, c := range p.m.Contexts {
			if c.Kind == "setting" && equalFold(c.Name, s.Name) {
				p.add(&unsetContextDefault, Target{Database: s.Database, Role: s.Role, Setting: s.Name, Value: s.Value}, how{})
			}
		}
	}
}

// defaultsOf is what findings call default privileges on tables.
func defaultsOf(d catalog.DefaultPrivilege) string {
	in := ""
	if d.Schema != "" {
		in = " in schema " + printedIdent(d.Schema)
	}
	return "for role " + printedIdent(d.Owner) + in + " on tables"
}
