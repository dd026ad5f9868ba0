package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// wantRevoke takes what a finding is about and nothing beside it: the grants that the finding names, else every privilege on
// an object that no policy binds. Rows of tenants' tables are the policies' matter; no finding takes them from the application.
func (p *planner) wantRevoke(w Want) {
	r := p.snap.Relation(w.Object)
	if r != nil && r.Kind == catalog.Sequence && len(w.Grants) > 0 {
		p.sequenceGrantsGone(r, w)
		return
	}
	for _, g := range w.Grants {
		p.wantGrantGone(w, g)
	}
	if len(w.Grants) > 0 {
		return
	}
	if r == nil {
		p.withhold(w.Kind, w.Object, "no relation of this name", "")
		return
	}
	switch t := p.m.Table(r.Identity()); {
	case t != nil && (t.Class == tenancy.Global || t.Class == tenancy.Infrastructure):
		return // its class has planned it, or withheld it
	case t != nil && t.Class.Tenant() && r.Kind != catalog.Foreign:
		p.withhold(w.Kind, w.Object, "it is a tenant table, whose rows policies give out; which privilege is too much, a person has to say", "")
		return
	case r.Kind == catalog.MatView:
		p.matviewFunction(r)
	}
	p.revokeFrom(r, everyPrivilege, w.why())
}

// wantGrantGone takes one grant back, from the one who holds it.
func (p *planner) wantGrantGone(w Want, g catalog.Grant) {
	target := Target{Role: g.Grantee, Privileges: []string{g.Privilege}, Was: []catalog.Grant{g}}
	r, f, n := p.snap.Relation(w.Object), p.findFunction(w.Object), p.snap.Namespace(w.Object)
	gone := func(grants []catalog.Grant) bool { return !slices.Contains(grants, g) }
	owner := ""
	switch {
	case r != nil && gone(r.Grants), f != nil && gone(f.Grants), r == nil && f == nil && n != nil && gone(n.Grants):
		return // it is done
	case r != nil:
		p.relationGrantGone(r, w, g)
		return
	case f != nil && (f.System || f.Extension != ""):
		p.withhold(w.Kind, w.Object, "it came with the server or an extension: a superuser has to take it back, and again after each update", "")
		return
	case f != nil:
		target.Name, target.Arguments, target.ObjectType, owner = Name{f.Schema, f.Name}, f.Arguments, "function", f.Owner
	case n != nil:
		target.Name, target.ObjectType, owner = Name{Schema: n.Name}, "schema", n.Owner
		if who := p.makesBy(n, g); who != "" {
			p.withhold(w.Kind, w.Object, who+" owns tables there and makes them by this grant: GRANT CREATE ON SCHEMA to it first", "")
			return
		}
		if who := p.mayNot(n.Owner); who != "" {
			p.withhold(w.Kind, w.Object, fmt.Sprintf("it belongs to %s, for whom %s may not act: a superuser has to take it back", n.Owner, who), "")
			return
		}
	default:
		p.withhold(w.Kind, w.Object, fmt.Sprintf("%s on it belongs to the server: a superuser has to take it back", g.Privilege), "")
		return
	}
	if why := foreignGrantor(g, owner); why != "" {
		p.withhold(w.Kind, w.Object, why, "")
		return
	}
	p.add(&revoke, target, how{why: w.why()})
}

// drawnBy says why the application goes on drawing from a sequence, as far as anybody knows: it inserts into the table that the sequence
// feeds, or nothing shows what else draws from it than a statement of the application's own. "" is: it does not.
func (p *planner) drawnBy(sequence *catalog.Relation) string {
	switch t := p.fed(sequence); {
	case t == nil && p.identity(sequence):
		return ""
	case t == nil:
		return "no column draws from it, so the application's own statements may: take it back by hand where they do not"
	case t.Class == tenancy.Root, t.Confidence != tenancy.Guess && (t.Class == tenancy.Global || t.Class == tenancy.Infrastructure):
		return ""
	}
	return "inserts draw a serial column's value by it: make it an identity column first"
}

// identity reports whether a sequence is an identity column's.
func (p *planner) identity(sequence *catalog.Relation) bool {
	return slices.ContainsFunc(p.m.Tables, func(t *tenancy.Table) bool {
		return slices.ContainsFunc(t.Relation.Columns, func(c catalog.Column) bool {
			return c.Identity != "" && t.Relation.ColumnIdentity(c.Name) == sequence.OwnedBy
		})
	})
}

// sequenceGrantsGone takes the rights on a sequence back from the one who holds them, but for those by which inserts draw from it.
func (p *planner) sequenceGrantsGone(r *catalog.Relation, w Want) {
	target := Target{Name: nameOf(r), ObjectType: "sequence"}
	drawn := p.drawnBy(r)
	for _, g := range w.Grants {
		switch why := foreignGrantor(g, r.Owner); {
		case !slices.Contains(r.Grants, g): // it is done
		case why != "":
			p.withhold(w.Kind, w.Object, why, "")
		case drawn != "" && (g.Privilege == "USAGE" || g.Privilege == "UPDATE" && !holdsUsage(r, g.Grantee)):
			p.withhold(w.Kind, w.Object, drawn, "")
		default:
			target.Role, target.Privileges, target.Was = g.Grantee, append(target.Privileges, g.Privilege), append(target.Was, g)
		}
	}
	if len(target.Privileges) > 0 {
		p.add(&revoke, target, how{why: w.why()})
	}
}

func (p *planner) relationGrantGone(r *catalog.Relation, w Want, g catalog.Grant) {
	if why := foreignGrantor(g, r.Owner); why != "" {
		p.withhold(w.Kind, w.Object, why, "")
		return
	}
	if g.Grantee == "" {
		if role := p.livesBy(r, g.Privilege); role != "" {
			p.withhold(w.Kind, w.Object, fmt.Sprintf("%s holds %s by this grant alone: GRANT it to the role by name first", role, g.Privilege), "")
			return
		}
	}
	p.revokeTable(r, g.Grantee, []string{g.Privilege}, w.why())
}

// holdsUsage reports whether the grantee keeps the right to call nextval without UPDATE.
func holdsUsage(r *catalog.Relation, grantee string) bool {
	return slices.ContainsFunc(r.Grants, func(g catalog.Grant) bool { return g.Grantee == grantee && g.Privilege == "USAGE" })
}

// foreignGrantor says why the owner cannot take a grant back: only who gave it can.
func foreignGrantor(g catalog.Grant, owner string) string {
	if g.Grantor == owner || g.Grantor == "" {
		return ""
	}
	return fmt.Sprintf("it was granted by %s, who alone can take it back", g.Grantor)
}

// mayNot returns an owner of tenant tables who may not act for the role, and so cannot run its steps; "" for none.
func (p *planner) mayNot(role string) string {
	for _, t := range p.m.TenantTables() {
		if owner := t.Relation.Owner; p.m.Rights != nil && !p.m.Rights.Superuser(owner) && !p.m.Rights.HasPrivsOf(owner, role) {
			return owner
		}
	}
	return ""
}

// livesBy returns an application or service role that has the privilege through PUBLIC alone, and needs it for rows; "" for none.
func (p *planner) livesBy(r *catalog.Relation, privilege string) string {
	if !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, privilege) || p.m.Rights == nil {
		return ""
	}
	without := *r
	without.Grants = slices.DeleteFunc(slices.Clone(r.Grants), func(g catalog.Grant) bool { return g.Grantee == "" && g.Privilege == privilege })
	for _, role := range p.m.Roles {
		if role.Kind == tenancy.OwnerRole || p.snap.Role(role.Name) == nil {
			continue
		}
		if p.m.Rights.Relation(role.Name, r, privilege).Held && !p.m.Rights.Relation(role.Name, &without, privilege).Held {
			return role.Name
		}
	}
	return ""
}

// makesBy returns a role that owns tables in the schema and may make more by the grant to PUBLIC alone; "" for none.
func (p *planner) makesBy(n *catalog.Namespace, g catalog.Grant) string {
	if g.Grantee != "" {
		return ""
	}
	for i := range p.snap.Relations {
		r := &p.snap.Relations[i]
		if r.Schema != n.Name || r.Extension != "" || r.Owner == n.Owner || p.m.Rights == nil || p.m.Rights.Superuser(r.Owner) || p.m.Rights.HasPrivsOf(r.Owner, n.Owner) {
			continue
		}
		own := slices.ContainsFunc(n.Grants, func(g catalog.Grant) bool {
			return g.Grantee != "" && g.Privilege == "CREATE" && p.m.Rights.HasPrivsOf(r.Owner, g.Grantee)
		})
		if !own {
			return r.Owner
		}
	}
	return ""
}

// wantGrantOption takes the right to hand a privilege on, and leaves the privilege.
func (p *planner) wantGrantOption(w Want) {
	r := p.snap.Relation(w.Object)
	if len(w.Grants) != 1 || r == nil {
		p.withhold(w.Kind, w.Object, "no relation of this name", "")
		return
	}
	g := w.Grants[0]
	if !slices.Contains(r.Grants, g) {
		return // it is done
	}
	given := slices.ContainsFunc(r.Grants, func(other catalog.Grant) bool { return other.Grantor == g.Grantee && other.Privilege == g.Privilege })
	why := foreignGrantor(g, r.Owner)
	switch {
	case slices.Contains(dangerous, g.Privilege) && p.holders[g.Grantee]:
		return // the privilege goes, and its option with it
	case given:
		why = fmt.Sprintf("%s has handed %s on already: what it gave has to be granted by the owner first", g.Grantee, g.Privilege)
	}
	if why != "" {
		p.withhold(w.Kind, w.Object, why, "")
		return
	}
	p.add(&revokeGrantOption, Target{Name: nameOf(r), Role: g.Grantee, Privileges: []string{g.Privilege}}, how{why: w.why()})
}

// wantPublication takes the tenant tables that a publication carries whole out of it.
func (p *planner) wantPublication(w Want) {
	for i := range p.snap.Publications {
		pub := &p.snap.Publications[i]
		if catalog.QuoteIdent(pub.Name) != w.Object {
			continue
		}
		if pub.AllTables || len(pub.Schemas) > 0 {
			p.withhold(w.Kind, w.Object, "it carries whole schemas or the whole database: a person has to make one that lists its tables", "")
		}
		for _, pt := range pub.Tables {
			t := p.m.Table(pt.Table)
			if t == nil || !t.Class.Tenant() || pt.Filter != nil {
				continue
			}
			target := Target{Name: nameOf(t.Relation), Columns: pt.Columns}
			target.Object.Name = pub.Name
			p.add(&publicationTable, target, how{why: w.why()})
		}
		return
	}
	p.withhold(w.Kind, w.Object, "no publication of this name", "")
}

// matviewFunction plans the function that gives a materialized view's rows out by tenant, where the view holds the tenant's key.
func (p *planner) matviewFunction(r *catalog.Relation) {
	var roles []string
	for role := range p.holders {
		if role != "" && !p.isService(role) && len(missing(r.Grants, role, []string{"SELECT"})) == 0 {
			roles = append(roles, role)
		}
	}
	if role := p.roleName(); role != "" && !slices.Contains(roles, role) {
		roles = append(roles, role)
	}
	if len(roles) == 0 {
		return
	}
	slices.Sort(roles)
	parts := []string{r.Name, "of_tenant"}
	object := routineIdentity(Name{r.Schema, strings.Join(parts, "_")}, nil)
	column := p.keyOf(r)
	if column == nil {
		p.withhold(matviewFunction.Name, object, "the materialized view has no column that tells the tenant", "")
		return
	}
	rows, err := p.keyPredicate(column)
	if err != nil {
		p.withhold(matviewFunction.Name, object, err.Error(), "")
		return
	}
	target := Target{Old: nameOf(r), Member: r.Owner, Roles: roles, Rows: &rows}
	target.Name = Name{r.Schema, uniqueName(func(n string) bool { return p.snap.Function(routineIdentity(Name{r.Schema, n}, nil)) != nil }, parts...)}
	p.add(&matviewFunction, target, how{})
}

// keyOf is the relation's column that is called like a tenant key.
func (p *planner) keyOf(r *catalog.Relation) *catalog.Column {
	for _, name := range p.m.TenantColumns {
		if c := r.ColumnByName(name); c != nil {
			return c
		}
	}
	return nil
}

// exclusion puts the tenant in front of an exclusion constraint.
func (p *planner) exclusion(t *tenancy.Table, c *catalog.Constraint, w Want) {
	r := t.Relation
	key := r.ColumnByName(t.Key[0])
	target := Target{Name: nameOf(r), Columns: []string{t.Key[0]}, Old: Name{Name: c.Name}, Exclusion: c.Definition}
	why := ""
	switch {
	case !strings.HasPrefix(c.Definition, "EXCLUDE USING gist ("):
		why = "its index can have one column only: a person has to write another constraint"
	case r.Kind == catalog.Partitioned || r.Partition != nil:
		why = "on a partitioned table it belongs to the partitions"
	case !p.comparableByGist(key):
		why = "GiST has no equality for the tenant key's type: CREATE EXTENSION btree_gist first"
	}
	if why != "" {
		p.withhold(exclusionSwap.Name, w.Object, why, "")
		return
	}
	target.Object.Name = c.Name
	if p.allow["exclusion_swap"] {
		target.Object.Name = uniqueName(func(n string) bool { return hasConstraint(r, n) || p.names[Name{r.Schema, n}.Identity()] }, r.Name, t.Key[0], cmp.Or(strings.Join(c.Columns, "_"), c.Name), "excl")
	}
	p.add(&exclusionSwap, target, how{why: w.why()})
}

// comparableByGist reports whether the server can put the column into a GiST index by equality: what btree_gist adds.
func (p *planner) comparableByGist(c *catalog.Column) bool {
	if c == nil || !slices.ContainsFunc(p.snap.Extensions, func(e catalog.Extension) bool { return e.Name == "btree_gist" }) {
		return false
	}
	switch base, domain := p.baseType(c.TypeOID); {
	case domain:
		return false
	default:
		return slices.Contains([]string{"uuid", "text", "character varying", "character", "smallint", "integer", "bigint"}, base)
	}
}
