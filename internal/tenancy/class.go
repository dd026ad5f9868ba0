package tenancy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// classify gives every table that has no key of its own its class: what its partition's parent is, a child, a person's row,
// infrastructure, global, or unknown.
func (in *inference) classify() {
	in.lookUpTables()
	in.children(declared)
	in.people()
	in.children(named)
	in.people()
	for _, t := range in.model.Tables {
		if t.Class == Unclassified && t.Why == "" && t.Relation.Partition == nil {
			in.rest(t)
		}
	}
	in.partitions()
	for _, t := range in.model.Tables {
		if t.Class == Unclassified && t.Why == "" {
			in.rest(t)
		}
		t.Nullable = nullable(t.Relation, t.Key)
	}
}

// lookUpTables sets apart the tables in which functions look up whose session this is, where no application role has a
// privilege on them: they tell the context and are no tenant's data.
func (in *inference) lookUpTables() {
	for name := range in.found.inSession {
		t := in.model.byRelation[name]
		if t == nil || t.Class == Root || in.reached(t.Relation) {
			continue
		}
		t.Class, t.Key, t.Confidence, t.LookUp = Infrastructure, nil, Likely, true
		t.Why = "functions look the tenant up in it, and no application role has a privilege on it"
	}
}

// reached reports whether an application role, or a role it inherits or becomes, has a privilege on rel.
func (in *inference) reached(rel *catalog.Relation) bool {
	for _, app := range in.model.Applications() {
		for _, id := range in.rights.Identities(app) {
			if in.rights.Any(id.Role, rel) || in.rights.Owns(id.Role, rel) && !in.rights.Superuser(id.Role) {
				return true
			}
		}
	}
	return false
}

// A step is one way from a table to a parent.
type step struct {
	link     Link
	nullable bool
	person   bool
}

// What ties a table to its parent: what the database enforces or evaluates, or a column's name alone as well.
const (
	declared = false
	named    = true
)

// children finds, from the tables that have a tenant outwards, those that reach one through a foreign key or through what
// their policy says: shortest first, then keys that cannot be NULL, then parents that are not people. Names are believed where they
// are asked for, and only of tables that nothing better is known of.
func (in *inference) children(byName bool) {
	byPolicy := make(map[string][]joint)
	for _, j := range in.found.joints {
		byPolicy[j.rel.Identity()] = append(byPolicy[j.rel.Identity()], j)
	}
	for {
		type found struct {
			table *Table
			step  step
		}
		var now []found
		for _, t := range in.model.Tables {
			if t.Class != Unclassified || t.Why != "" || t.Relation.Partition != nil {
				continue
			}
			if s, ok := in.policyStep(byPolicy[t.Relation.Identity()]); ok {
				now = append(now, found{t, s})
			} else if s, ok := in.keyStep(t.Relation); ok {
				now = append(now, found{t, s})
			}
		}
		if len(now) == 0 && byName {
			for _, t := range in.model.Tables {
				if t.Class != Unclassified || t.Why != "" || t.Relation.Partition != nil {
					continue
				}
				if s, ok := in.namedStep(t.Relation); ok {
					now = append(now, found{t, s})
				}
			}
		}
		if len(now) == 0 {
			return
		}
		for _, f := range now {
			in.becomeChild(f.table, f.step)
		}
	}
}

func (in *inference) becomeChild(t *Table, s step) {
	link := s.link
	t.Class, t.Parent = Child, &link
	parent := link.Table.Relation.Identity()
	by := strings.Join(link.Columns, ", ")
	switch {
	case link.Source == byColumnName:
		t.Confidence, t.Why = Guess, fmt.Sprintf("by its name, %s leads to its tenant in %s; no foreign key says so", by, parent)
	case link.Source == "policy":
		t.Confidence, t.Why = Certain, fmt.Sprintf("its policy finds the tenant through %s in %s", by, parent)
	case len(link.Rivals) > 0:
		t.Confidence, t.Why = Guess, fmt.Sprintf("it reaches its tenant through %s in %s, or through %s, and each may be NULL", by, parent, strings.Join(link.Rivals, ", "))
		in.ask("table "+t.Relation.Identity(), append([]string{by}, link.Rivals...), "each may say whose a row is, and each may be NULL")
	case s.nullable:
		t.Confidence, t.Why = Guess, fmt.Sprintf("it reaches its tenant through %s in %s, which may be NULL", by, parent)
	default:
		t.Confidence, t.Why = Likely, fmt.Sprintf("it reaches its tenant through %s in %s", by, parent)
	}
}

// policyStep returns the way that a table's own policies take.
func (in *inference) policyStep(all []joint) (step, bool) {
	for _, j := range all {
		parent := in.model.byRelation[j.parent.Identity()]
		if parent == nil || !parent.Class.Tenant() {
			continue
		}
		col := j.rel.ColumnByName(j.column)
		link := Link{Table: parent, Columns: []string{j.column}, Refs: []string{j.refers}, Source: "policy"}
		if key := wider(j); key != nil {
			link.Columns, link.Refs = slices.Clone(key.Columns), slices.Clone(key.RefColumns)
		}
		return step{link: link, nullable: col != nil && !col.NotNull}, true
	}
	return step{}, false
}

// wider returns the foreign key that says which parent is meant where a policy compares only one of its columns, by which several rows
// of the parent may be found; nil: the policy's own column says it.
func wider(j joint) *catalog.Constraint {
	if onlyOne(j.parent, j.refers) {
		return nil
	}
	for i := range j.rel.Constraints {
		c := &j.rel.Constraints[i]
		if c.Kind != "foreign" || c.RefTable != j.parent.Identity() {
			continue
		}
		if at := slices.Index(c.Columns, j.column); at >= 0 && at < len(c.RefColumns) && c.RefColumns[at] == j.refers {
			return c
		}
	}
	return nil
}

// keyStep returns the best foreign key of rel that leads to a table with a tenant.
func (in *inference) keyStep(rel *catalog.Relation) (step, bool) {
	var best *step
	var perhaps []string // the columns that lead there, and may be NULL
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if c.Kind != "foreign" || c.RefTable == rel.Identity() {
			continue
		}
		parent := in.model.byRelation[c.RefTable]
		if parent == nil || !parent.Class.Tenant() {
			continue
		}
		s := step{
			link:     Link{Table: parent, Columns: slices.Clone(c.Columns), Refs: slices.Clone(c.RefColumns), Source: "foreign_key"},
			nullable: nullable(rel, c.Columns),
			person:   personal(parent.Relation.Name) || slices.ContainsFunc(c.Columns, namesWho),
		}
		if s.dealtWith() {
			continue
		}
		if by := strings.Join(c.Columns, ", "); s.nullable && !slices.Contains(perhaps, by) {
			perhaps = append(perhaps, by)
		}
		if best == nil || s.before(best) {
			best = &s
		}
	}
	if best == nil {
		return step{}, false
	}
	if best.nullable {
		own := strings.Join(best.link.Columns, ", ")
		best.link.Rivals = slices.DeleteFunc(perhaps, func(by string) bool { return by == own })
	}
	return *best, true
}

// dealtWith reports whether a step leads over a person that need not be there: created_by or answered_by say who dealt with a row, and
// not whose it is.
func (s *step) dealtWith() bool { return s.nullable && s.person }

// namesWho reports whether a column is called after a person, or after who dealt with a row.
func namesWho(column string) bool { return personal(column) || slices.Contains(words(column), "by") }

// loose reports whether the parent's own rows may be nobody's.
func (s *step) loose() bool { return nullable(s.link.Table.Relation, s.link.Table.Key) }

// before orders ways of equal length.
func (s *step) before(o *step) bool {
	if s.nullable != o.nullable {
		return !s.nullable
	}
	if s.person != o.person {
		return !s.person
	}
	if s.loose() != o.loose() {
		return !s.loose()
	}
	return strings.Join(s.link.Columns, ",") < strings.Join(o.link.Columns, ",")
}

// partitions gives partitions, and inheritance children without a class, what their parent is: what the configuration says of a
// partition stands.
func (in *inference) partitions() {
	for range in.model.Tables { // as deep as partitions may nest
		changed := false
		for _, t := range in.model.Tables {
			if _, told := in.config.Tables[t.Relation.Identity()]; told {
				continue
			}
			for _, name := range t.Relation.Parents {
				parent := in.model.byRelation[name]
				if parent == nil || parent.Why == "" || t.Why != "" && t.Class == parent.Class && slices.Equal(t.Key, parent.Key) && t.Parent == parent.Parent {
					continue
				}
				if t.Relation.Partition == nil && (t.Class != Unclassified || parent.Class == Unclassified) {
					continue
				}
				t.Class, t.Key, t.Parent, t.Confidence = parent.Class, parent.Key, parent.Parent, parent.Confidence
				t.Nullable = nullable(t.Relation, t.Key)
				t.Why, changed = "it is part of "+name, true
			}
		}
		if !changed {
			return
		}
	}
}

// rest classes what no path leads from to a tenant.
func (in *inference) rest(t *Table) {
	readable, writable := in.access(t.Relation)
	switch {
	case len(in.model.Applications()) == 0 && !in.lookup(t.Relation):
		t.Why, t.Confidence = "nothing leads from it to a tenant, and no application role is known that reaches it or does not", Guess
	case !readable && !writable:
		t.Class, t.Confidence = Infrastructure, Likely
		t.Why = "no application role has a privilege on it"
		if len(in.model.Applications()) == 0 {
			t.Why = "it is called as what a migration tool keeps for itself"
		}
		if in.granted(t.Relation) {
			t.Confidence = Guess
			t.Why = "row security is on, and no policy lets an application role use what it was granted"
		}
	case len(in.compared[t.Relation.Identity()]) > 0:
		t.Why = "its policy compares it with the context, but not by a column that says the tenant"
		t.Confidence = Guess
		in.ask("table "+t.Relation.Identity(), nil, "%s", t.Why)
	case in.rival(t) != "":
		t.Why, t.Confidence = in.rival(t)+" may say the tenant here, and nothing says that it is the same one", Guess
	case in.noKey() && !in.lookup(t.Relation):
		t.Why, t.Confidence = "which column says the tenant is not known", Guess
	case readable && in.filled(t.Relation) != "":
		t.Why, t.Confidence = "triggers of "+in.filled(t.Relation)+" fill it, and nothing in it says whose a row is", Guess
	case in.personOnly(t.Relation) != "":
		t.Why, t.Confidence = in.personOnly(t.Relation)+" names a person or nobody: who dealt with a row, perhaps, and not whose it is", Guess
	case in.ofManyTables(t.Relation) != "":
		t.Why, t.Confidence = in.ofManyTables(t.Relation)+" name rows of different tables, and nothing says whose they are", Guess
	case readable && t.Relation.Kind == catalog.Foreign:
		t.Why, t.Confidence = "it is a foreign table, and nothing here says whose the rows at its other end are", Guess
	case readable:
		t.Class, t.Confidence = Global, Likely
		t.Why = "no column and no foreign key leads from it to a tenant, and the application reads it"
		if writable {
			t.Confidence = Guess
		}
	default:
		t.Why, t.Confidence = "no column and no foreign key leads from it to a tenant, and the application only writes it", Guess
	}
}

// personOnly names the column whose foreign key leads to a tenant's person and may be NULL, "" for none.
func (in *inference) personOnly(rel *catalog.Relation) string {
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if c.Kind != "foreign" || c.RefTable == rel.Identity() || !nullable(rel, c.Columns) {
			continue
		}
		if parent := in.model.byRelation[c.RefTable]; parent != nil && parent.Class.Tenant() {
			return strings.Join(c.Columns, ", ")
		}
	}
	return ""
}

// noKey reports whether no tenant key was found at all.
func (in *inference) noKey() bool {
	for _, t := range in.model.Tables {
		if t.Class.Tenant() {
			return false
		}
	}
	return true
}

// lookup reports whether a table is plainly one that tools keep for themselves.
func (in *inference) lookup(rel *catalog.Relation) bool {
	return toolTables[strings.ToLower(strings.TrimLeft(rel.Name, "_"))]
}

// toolTables are what migration tools keep.
var toolTables = map[string]bool{
	"schema_migrations": true, "ar_internal_metadata": true, "flyway_schema_history": true, "databasechangelog": true, "databasechangeloglock": true,
	"django_migrations": true, "alembic_version": true, "goose_db_version": true, "prisma_migrations": true,
	"drizzle_migrations": true, "knex_migrations": true, "knex_migrations_lock": true, "sequelizemeta": true, "migrations": true,
	"spatial_ref_sys": true, "schema_version": true, "typeorm_metadata": true, "gorp_migrations": true, "phinxlog": true, "changes": true,
}

// access says whether application roles read or write rel, policies that deny all taken into account.
func (in *inference) access(rel *catalog.Relation) (readable, writable bool) {
	for _, app := range in.model.Applications() {
		for _, id := range in.rights.Identities(app) {
			if !in.rights.Schema(id.Role, rel.Schema, "USAGE") {
				continue
			}
			bound := rel.RowSecurity && !in.rights.Bypass(id.Role) && !in.rights.Owns(id.Role, rel)
			open := func(command string) bool {
				return in.rights.Relation(id.Role, rel, command).Held && (!bound || hasPermissive(rel, command))
			}
			readable = readable || open("SELECT")
			writable = writable || open("INSERT") || open("UPDATE") || open("DELETE")
		}
	}
	return readable, writable
}

// granted reports whether an application role, or one that it may become, holds a privilege on the table.
func (in *inference) granted(rel *catalog.Relation) bool {
	for _, app := range in.model.Applications() {
		for _, id := range in.rights.Identities(app) {
			if in.rights.Any(id.Role, rel) {
				return true
			}
		}
	}
	return false
}

func hasPermissive(rel *catalog.Relation, command string) bool {
	for i := range rel.Policies {
		if p := &rel.Policies[i]; p.Permissive && (p.Command == "ALL" || p.Command == command) {
			return true
		}
	}
	return false
}

// filled names a table of tenants whose triggers insert into rel, "" for none. A function's body is read only where its text has the
// table's name.
func (in *inference) filled(rel *catalog.Relation) string {
	name := strings.ToLower(rel.Name)
	for _, t := range in.model.Tables {
		if !t.Class.Tenant() {
			continue
		}
		for i := range t.Relation.Triggers {
			f := in.snap.Function(t.Relation.Triggers[i].Function)
			if f == nil || f.System || !strings.Contains(strings.ToLower(f.Source), name) {
				continue
			}
			b, err := in.model.Reader.Body(f)
			if err != nil {
				continue
			}
			for _, q := range b.Statements {
				if q.Command == "insert" && q.Written() == rel {
					return t.Relation.Identity()
				}
			}
		}
	}
	return ""
}
