package tenancy

import "github.com/ringfencehq/ringfence/internal/catalog"

// hub looks for a tenant that no name gives away: the one table that most others refer to, over one column of one name, and
// that refers to none. Tells whether the column was taken, or asked about.
func (in *inference) hub() bool {
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
	var best, second string
	bestCount, secondCount := 0, 0
	for _, t := range in.model.Tables {
		name := t.Relation.Identity()
		column := byCount(refs[name])
		if len(column) == 0 || personal(t.Relation.Name) || hasForeignKey(t.Relation) {
			continue
		}
		switch n := refs[name][column[0]]; {
		case n > bestCount:
			second, secondCount, best, bestCount = best, bestCount, column[0], n
		case n > secondCount:
			second, secondCount = column[0], n
		}
	}
	if bestCount < 2 || bestCount*3 < len(in.model.Tables) {
		return false
	}
	if secondCount*100 >= bestCount*85 {
		in.ask("tenant_column", []string{best, second}, "%d tables refer to one, %d to the other, and no name says which is the tenant", bestCount, secondCount)
		return true
	}
	in.spellings[best] = true
	in.ask("tenant_column", []string{best}, "most tables refer over %s to one table; no name and no policy says that it is the tenant", best)
	return true
}

func hasForeignKey(rel *catalog.Relation) bool {
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "foreign" && c.RefTable != rel.Identity() {
			return true
		}
	}
	return false
}
