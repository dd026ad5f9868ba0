package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

func (p *planner) roleName() string {
	return cmp.Or(p.in.Options.ApplicationRole, p.config.Plan.ApplicationRole)
}

// applicationRole plans the role that was asked for by name, with what the application needs: rows of tenants' tables, reading of
// reference data, the schemas and sequences for that. Partitions are reached through their parent, and are granted to nobody.
func (p *planner) applicationRole() {
	role := p.roleName()
	if role == "" {
		return
	}
	if p.snap.Role(role) == nil {
		p.add(&applicationRole, Target{Role: role}, how{why: p.wantsFor("application_role", role)})
	}
	schemas := map[string]bool{}
	for _, t := range p.m.Tables {
		privileges := rowPrivileges(t)
		if len(privileges) == 0 || t.Relation.Owner == role {
			continue
		}
		schemas[t.Relation.Schema] = true
		p.grant(Target{Name: nameOf(t.Relation), Role: role, Privileges: missing(t.Relation.Grants, role, privileges)})
	}
	for i := range p.snap.Relations {
		r := &p.snap.Relations[i]
		switch {
		case r.Extension != "" || r.System || !schemas[r.Schema]:
		case r.Kind == catalog.Sequence && insertedBy(p.fed(r)):
			p.grant(Target{Name: nameOf(r), Role: role, ObjectType: "sequence", Privileges: missing(r.Grants, role, []string{"USAGE"})})
		case r.Kind == catalog.View && p.version >= 150000:
			p.grant(Target{Name: nameOf(r), Role: role, Privileges: missing(r.Grants, role, []string{"SELECT"})})
		}
	}
	for _, schema := range sortedKeys(schemas) {
		var has []catalog.Grant
		if n := p.snap.Namespace(schema); n != nil {
			has = n.Grants
		}
		p.grant(Target{Name: Name{Schema: schema}, Role: role, ObjectType: "schema", Privileges: missing(has, role, []string{"USAGE"})})
	}
}

func (p *planner) grant(t Target) {
	if len(t.Privileges) > 0 {
		p.add(&grant, t, how{})
	}
}

// rowPrivileges is what a tenant's requests do with a table, by its class.
func rowPrivileges(t *tenancy.Table) []string {
	switch {
	case t.Relation.Partition != nil || t.Relation.Kind == catalog.Foreign || t.Relation.Extension != "":
		return nil
	case t.Class == tenancy.Owned || t.Class == tenancy.Child:
		return []string{"DELETE", "INSERT", "SELECT", "UPDATE"}
	case t.Class == tenancy.Root:
		return []string{"SELECT", "UPDATE"}
	case t.Class == tenancy.Global:
		return []string{"SELECT"}
	}
	return nil
}

// missing leaves the privileges that the role does not hold by its own grant.
func missing(grants []catalog.Grant, role string, privileges []string) []string {
	return slices.DeleteFunc(slices.Clone(privileges), func(privilege string) bool {
		return slices.ContainsFunc(grants, func(g catalog.Grant) bool { return g.Grantee == role && g.Privilege == privilege })
	})
}

// insertedBy reports whether tenants' requests insert into a table; nil: no.
func insertedBy(t *tenancy.Table) bool {
	return t != nil && slices.Contains(rowPrivileges(t), "INSERT")
}

// fed returns the table of which the sequence feeds a column: a serial one, or one whose default names the sequence; nil for none.
// Identity columns need no grant.
func (p *planner) fed(sequence *catalog.Relation) *tenancy.Table {
	for _, t := range p.m.Tables {
		if slices.ContainsFunc(t.Relation.Columns, func(c catalog.Column) bool {
			return c.Identity == "" && (t.Relation.ColumnIdentity(c.Name) == sequence.OwnedBy || draws(c, sequence))
		}) {
			return t
		}
	}
	return nil
}

// draws reports whether a column's default names a sequence, as an object or by a text that is looked up when a row is made.
func draws(c catalog.Column, sequence *catalog.Relation) bool {
	if c.Default == nil {
		return false
	}
	_, rest, calls := strings.Cut(c.Default.Text, "nextval(")
	name, _, _ := strings.Cut(strings.TrimLeft(rest, "('"), "'")
	return calls && slices.Contains([]string{sequence.Identity(), sequence.Name, pg.Ident(sequence.Name), pg.Ident(sequence.Schema, sequence.Name),
		sequence.Schema + "." + sequence.Name}, name)
}

// findFunction finds a function by identity or by the shorter form a person writes: schema.name(text).
func (p *planner) findFunction(name string) *catalog.Function {
	if f := p.snap.Function(name); f != nil {
		return f
	}
	for i := range p.snap.Functions {
		f := &p.snap.Functions[i]
		if routineIdentity(Name{f.Schema, f.Name}, f.Arguments) == strings.ReplaceAll(name, ", ", ",") {
			return f
		}
	}
	return nil
}

// restrictFunction takes EXECUTE from PUBLIC and gives it to those of the roles that do not have it.
func (p *planner) restrictFunction(f *catalog.Function, roles, why []string) {
	var need []string
	for _, role := range roles {
		if role != f.Owner && len(missing(f.Grants, role, []string{"EXECUTE"})) > 0 {
			need = append(need, role)
		}
	}
	open := slices.ContainsFunc(f.Grants, func(g catalog.Grant) bool { return g.Grantee == "" && g.Privilege == "EXECUTE" })
	if !open && len(need) == 0 {
		return
	}
	p.add(&functionExecute, Target{Name: Name{f.Schema, f.Name}, Arguments: f.Arguments, Roles: need}, how{why: why})
}
