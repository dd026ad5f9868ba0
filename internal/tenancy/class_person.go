package tenancy

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// people finds tables of persons that no column ties to a tenant: a membership table with a tenant key names their rows.
func (in *inference) people() {
	for _, t := range in.model.Tables {
		if t.Class != Unclassified || t.Why != "" || !holdsPeople(t.Relation.Name) {
			continue
		}
		if link := in.membershipOf(t); link != nil {
			t.Class, t.Parent, t.Confidence = Child, link, Likely
			t.Why = fmt.Sprintf("persons belong to tenants through %s", link.Table.Relation.Identity())
		}
	}
	in.children(declared)
}

// ownRows notes the columns that name the person whose a row is, in the tables that belong to tenants through their persons, where
// policies hold them against the session.
func (in *inference) ownRows() {
	for _, t := range in.model.Tables {
		columns := namesPerson(t)
		for _, c := range in.compared[t.Relation.Identity()] {
			if len(columns) == 1 && c.column == columns[0] && c.exact && c.principal() && !slices.Contains(t.Principals, c.column) {
				t.Principals = append(t.Principals, c.column)
				slices.Sort(t.Principals)
			}
		}
	}
}

// namesPerson returns the columns by which a table's rows name the person they belong to; nil where they belong to no person.
func namesPerson(t *Table) []string {
	for at, hops := t, 0; at.Class == Child && at.Parent != nil && hops < maxPersonHops; hops++ {
		if at.Parent.toMember() {
			return t.Parent.Columns
		}
		next := at.Parent.Table
		if next.Class != Child || next.Parent == nil || !slices.Equal(at.Parent.Refs, next.Parent.Columns) {
			return nil
		}
		at = next
	}
	return nil
}

// Shared reports whether a row of the table may belong to several tenants: what leads to its tenant leads to one of many rows, as from a
// person to memberships.
func (t *Table) Shared() bool {
	for at, hops := t, 0; at.Class == Child && at.Parent != nil && hops < maxPersonHops; at, hops = at.Parent.Table, hops+1 {
		if !onlyOne(at.Parent.Table.Relation, at.Parent.Refs...) {
			return true
		}
	}
	return false
}

// onlyOne reports whether at most one row of a relation has the same values in these columns.
func onlyOne(r *catalog.Relation, columns ...string) bool {
	other := func(c string) bool { return !slices.Contains(columns, c) }
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Valid && x.Predicate == nil && !slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool { return other(k.Column) })
	})
}

// toMember reports whether a link leads from a person to the rows that say whose member he is.
func (l *Link) toMember() bool {
	return l.Source == byMembership || !slices.ContainsFunc(l.Refs, func(c string) bool { return !slices.Contains(l.Table.Principals, c) })
}

// byMembership is the source of a link from a person to its memberships; maxPersonHops bounds how far from a person its rows are found.
const (
	byMembership  = "membership"
	maxPersonHops = 4
)

// holdsPeople reports whether a table's name is that of persons, not of their kinds: users, not user_types.
func holdsPeople(table string) bool {
	ws := words(table)
	return personal(table) && !kindWords[singular(ws[len(ws)-1])]
}

// kindWords name what things are told apart by: rows of such tables are nobody's.
var kindWords = map[string]bool{
	"type": true, "kind": true, "status": true, "state": true, "role": true, "category": true, "level": true, "class": true, "permission": true,
}

// membershipOf returns the link from a person's table to the membership table that refers to it.
func (in *inference) membershipOf(t *Table) *Link {
	id := ""
	for i := range t.Relation.Constraints {
		if c := &t.Relation.Constraints[i]; c.Kind == "primary" && len(c.Columns) == 1 {
			id = c.Columns[0]
		}
	}
	if id == "" {
		return nil
	}
	var best *Link
	rank := 0
	for _, m := range in.model.Tables {
		if m.Class != Owned || m.Relation.Partition != nil {
			continue
		}
		for i := range m.Relation.Columns {
			name := m.Relation.Columns[i].Name
			if r := in.membership(m, name, t, id); r > rank {
				best, rank = &Link{Table: m, Columns: []string{id}, Refs: []string{name}, Source: byMembership}, r
			}
		}
	}
	return best
}

// membership says how much speaks for m's column naming the persons of t by their id, as members of m's tenants; 0: nothing does. What
// is called a membership comes first, then what holds a person once a tenant, then any reference that does not merely say who
// wrote a row.
func (in *inference) membership(m *Table, column string, t *Table, id string) int {
	target, refers, byKey := refersTo(m.Relation, column)
	byKey = byKey && target == t.Relation.Identity() && refers == id
	byName := stem(column) != "" && stem(column) == stem(t.Relation.Name) && !slices.Contains(m.Key, column)
	called := membershipName(m.Relation.Name) || in.joins(m, t)
	switch {
	case slices.Contains(words(column), "by") || !byKey && !byName:
		return 0
	case called:
		return 3
	case byKey && onceATenant(m, column):
		return 2
	case byKey:
		return 1
	default:
		return 0
	}
}

// onceATenant reports whether the tenant key and column are a key of m together.
func onceATenant(m *Table, column string) bool {
	want := append(slices.Clone(m.Key), column)
	return slices.ContainsFunc(m.Relation.Constraints, func(c catalog.Constraint) bool {
		return (c.Kind == "unique" || c.Kind == "primary") && len(c.Columns) == len(want) &&
			!slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(c.Columns, w) })
	})
}

// joins reports whether a table is called after the tenants and the persons that it joins, and after nothing else: account_users.
func (in *inference) joins(m, persons *Table) bool {
	rest := stem(m.Relation.Name)
	tenant := ""
	for _, k := range m.Key {
		tenant = stem(k)
	}
	person := stem(persons.Relation.Name)
	return tenant != "" && (rest == tenant+"_"+person || rest == person+"_"+tenant)
}

// membershipName reports whether a table is called as a membership is.
func membershipName(table string) bool {
	return slices.ContainsFunc(words(table), func(w string) bool {
		w = singular(w)
		return w == "member" || w == "membership" || w == "seat" || w == "affiliation" || w == "collaborator"
	})
}
