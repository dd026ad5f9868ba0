package tenancy

import (
	"fmt"
	"slices"
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
	in.children()
}

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
	for _, m := range in.model.Tables {
		if m.Class != Owned || m.Relation.Partition != nil {
			continue
		}
		for i := range m.Relation.Columns {
			name := m.Relation.Columns[i].Name
			target, refers, byKey := refersTo(m.Relation, name)
			byKey = byKey && target == t.Relation.Identity() && refers == id
			byName := stem(name) != "" && stem(name) == stem(t.Relation.Name) && !slices.Contains(m.Key, name)
			if !byKey && !byName {
				continue
			}
			member := membershipName(m.Relation.Name)
			if best == nil && (byKey || member) || member && !membershipName(best.Table.Relation.Name) {
				best = &Link{Table: m, Columns: []string{id}, Refs: []string{name}, Source: "membership"}
			}
		}
	}
	return best
}

// membershipName reports whether a table is called as a membership is.
func membershipName(table string) bool {
	return slices.ContainsFunc(words(table), func(w string) bool {
		w = singular(w)
		return w == "member" || w == "membership" || w == "seat" || w == "affiliation" || w == "collaborator"
	})
}
