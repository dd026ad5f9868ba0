package tenancy

import "github.com/ringfencehq/ringfence/internal/catalog"

// hub looks for a tenant that no name gives away: the one table that most others refer to, over one column of one name, and
// that refers to none. Tells whether the column was taken, or asked about.
func (in *inference) hub() bool {
	first, second := in.hubs()
	if first.references < 2 || first.references*3 < len(in.model.Tables) {
		return false
	}
	if second.references*100 >= first.references*85 {
		in.ask("tenant_column", []string{first.column, second.column}, "%d tables refer to one, %d to the other, and no name says which is the tenant",
			first.references, second.references)
		return true
	}
	in.take(first)
	return true
}

// overshadowed takes, where a candidate stands in few tables and no policy knows it, the column over which three times as many refer to
// one table, and most of all lead there: a calendar's users, not the groups that some of them are in.
func (in *inference) overshadowed(c *candidate) bool {
	first, second := in.hubs()
	if c.columns[first.column] > 0 || first.references < 3*len(c.tables) || second.references*100 >= first.references*85 || !in.mostLeadTo(first.table) {
		return false
	}
	in.take(first)
	return true
}

// take takes a hub's column for the tenant key, and asks about it.
func (in *inference) take(h hub) {
	in.spellings[h.column] = true
	in.ask("tenant_column", []string{h.column}, "most tables refer over %s to one table; no name and no policy says that it is the tenant", h.column)
}

// A hub is a table that refers to no other, and the column over which most others refer to it.
type hub struct {
	table, column string
	references    int
}

// hubs returns the two tables that are referred to most.
func (in *inference) hubs() (first, second hub) {
	refs := make(map[string]map[string]int)
	for _, t := range in.model.Tables {
		for i := range t.Relation.Constraints {
			c := &t.Relation.Constraints[i]
			if c.Kind == "foreign" && len(c.Columns) == 1 && c.RefTable != t.Relation.Identity() {
				if refs[c.RefTable] == nil {
					refs[c.RefTable] = make(map[string]int)
				}
				refs[c.RefTable][c.Columns[0]]++
			}
		}
	}
	for _, t := range in.model.Tables {
		name := t.Relation.Identity()
		column := byCount(refs[name])
		if len(column) == 0 || personal(t.Relation.Name) || hasForeignKey(t.Relation) {
			continue
		}
		switch h := (hub{name, column[0], refs[name][column[0]]}); {
		case h.references > first.references:
			first, second = h, first
		case h.references > second.references:
			second = h
		}
	}
	return first, second
}

// mostLeadTo reports whether foreign keys lead from more than half of the tables to one.
func (in *inference) mostLeadTo(table string) bool {
	leads := map[string]bool{table: true}
	for grown := true; grown; {
		grown = false
		for _, t := range in.model.Tables {
			for i := range t.Relation.Constraints {
				c := &t.Relation.Constraints[i]
				if c.Kind == "foreign" && leads[c.RefTable] && !leads[t.Relation.Identity()] {
					leads[t.Relation.Identity()], grown = true, true
				}
			}
		}
	}
	return len(leads)*2 > len(in.model.Tables)
}

func hasForeignKey(rel *catalog.Relation) bool {
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "foreign" && c.RefTable != rel.Identity() {
			return true
		}
	}
	return false
}
