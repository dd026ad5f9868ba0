package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/pinsql"
)

// pin plans PIN login where ringfence.yaml has pin: its tables, and who uses them. It is asked for by name there, so that no
// danger has to be allowed again.
func (p *planner) pin() {
	c := p.config.PIN
	if c == nil {
		return
	}
	p.allow["pin"] = true
	if !p.pinStands() {
		p.add(&pinTables, Target{}, how{})
	}
	for _, use := range []struct{ name, role string }{{pinsql.Login, c.Login}, {pinsql.Operator, c.Operator}} {
		if use.role == "" || p.pinOpenTo(use.name, use.role) {
			continue
		}
		if p.snap.Role(use.role) == nil {
			p.withhold("pin_access", use.role, "there is no role of this name to be the "+use.name+" of PINs", "")
			continue
		}
		if use.role == p.roleName() || slices.Contains(p.m.Applications(), use.role) {
			p.withhold("pin_access", use.role, "it is an application's role: with it every tenant's session could reach all logins", "")
			continue
		}
		p.add(&pinAccess, Target{Role: use.role, Options: []string{use.name}, Privileges: p.schemaUsage(use.role)}, how{})
	}
}

// schemaUsage is USAGE for the first step that opens something of the schema to a role, and nothing for those after it.
func (p *planner) schemaUsage(role string) []string {
	if p.usage == nil {
		p.usage = map[string]bool{}
		if n := p.snap.Namespace(definer.Schema); n != nil {
			for _, g := range n.Grants {
				p.usage[g.Grantee] = p.usage[g.Grantee] || g.Privilege == "USAGE"
			}
		}
	}
	if p.usage[role] {
		return nil
	}
	p.usage[role] = true
	return []string{"USAGE"}
}

// ownFunction answers from the snapshot what definer.Function.Stands asks the catalogue.
func (p *planner) ownFunction(f definer.Function, owner string) bool {
	has := p.schemaFunction(f.Name)
	return has != nil && has.Source == f.Body && has.Owner == owner && has.SecurityDefiner == f.Definer && slices.Equal(has.Config, definer.Config) &&
		!slices.ContainsFunc(has.Grants, func(g catalog.Grant) bool { return g.Grantee == "" })
}

// schemaFunction finds a function of Ringfence's own schema.
func (p *planner) schemaFunction(name string) *catalog.Function {
	for i := range p.snap.Functions {
		if f := &p.snap.Functions[i]; f.Schema == definer.Schema && f.Name == name {
			return f
		}
	}
	return nil
}

// pinStands answers from the snapshot what the step's Done asks the catalogue.
func (p *planner) pinStands() bool {
	return hasAll(pinsql.Functions(), func(f definer.Function) bool { return p.ownFunction(f, pinsql.Owner) }) &&
		hasAll(pinsql.Tables, func(t pinsql.Table) bool {
			r := p.snap.Relation(Name{pinsql.Schema, t.Name}.Identity())
			return r != nil && r.Owner == pinsql.Owner && r.RowSecurity && r.ForceRLS && len(r.Policies) == 1 &&
				slices.Equal(r.Policies[0].Roles, []string{pinsql.Owner}) &&
				!slices.ContainsFunc(r.Grants, func(g catalog.Grant) bool { return g.Grantee != pinsql.Owner }) &&
				slices.EqualFunc(r.Columns, t.Columns, func(has catalog.Column, want pinsql.Column) bool {
					return has.Name == want.Name && has.Type == want.Type
				})
		})
}

// pinOpenTo answers from the snapshot whether the role may use PIN login so.
func (p *planner) pinOpenTo(use, role string) bool {
	return hasAll(pinsql.UsedBy(use), func(f definer.Function) bool {
		has := p.schemaFunction(f.Name)
		return has != nil && len(missing(has.Grants, role, []string{"EXECUTE"})) == 0
	})
}
