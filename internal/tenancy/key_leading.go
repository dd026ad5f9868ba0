package tenancy

// leading looks for a tenant that neither a name nor a root gives away: the one column, never NULL and referring to nothing, that
// stands first in keys and indexes over several columns. It is taken, and asked about, where it does so in a third of all
// tables, in four at least, and in twice as many as best stands in; best may be nil. Tells whether it was.
func (in *inference) leading(best *candidate) bool {
	first := make(map[string]int)
	for _, t := range in.model.Tables {
		seen := make(map[string]bool)
		for i := range t.Relation.Indexes {
			index := &t.Relation.Indexes[i]
			if len(index.Keys) < 2 || !index.Valid || seen[index.Keys[0].Column] {
				continue
			}
			if name := index.Keys[0].Column; in.parts(t, name) {
				first[name]++
				seen[name] = true
			}
		}
	}
	names := byCount(first)
	if len(names) == 0 {
		return false
	}
	name, n := names[0], first[names[0]]
	if n < 4 || n*3 < len(in.model.Tables) || len(names) > 1 && first[names[1]]*100 >= n*85 {
		return false
	}
	candidates := []string{name}
	if best != nil {
		if len(best.tables)*2 > n {
			return false
		}
		candidates = append(candidates, best.names()[0])
	}
	in.spellings[name] = true
	in.ask("tenant_column", candidates, "%s stands first in keys and indexes of %d of %d tables, as a column does that parts tenants; no name and no policy says that it is the tenant",
		name, n, len(in.model.Tables))
	return true
}

// parts reports whether a column may part a table's rows into tenants': never NULL, of a fitting type, no person's, no kind's, no
// time's, and referring to no table.
func (in *inference) parts(t *Table, name string) bool {
	col := t.Relation.ColumnByName(name)
	if col == nil || !col.NotNull || !in.keyType(col) || stem(name) == "" || personal(name) {
		return false
	}
	for _, w := range words(name) {
		if otherWords[w] {
			return false
		}
	}
	_, _, refers := refersTo(t.Relation, name)
	return !refers
}

// rival returns the column of a table whose name says tenant where the key's own name does not, or that refers to a table and is called
// as nothing but a tenant is; "" for none.
func (in *inference) rival(t *Table) string {
	least := 30
	for name := range in.spellings {
		if tenantWeight(name) > 0 {
			least = surelyTenant
		}
	}
	for i := range t.Relation.Columns {
		col := &t.Relation.Columns[i]
		if tenantWeight(col.Name) < least || !in.keyType(col) {
			continue
		}
		if _, _, refers := refersTo(t.Relation, col.Name); refers || least < surelyTenant {
			return col.Name
		}
	}
	return ""
}

// surelyTenant is the weight of a name that hardly means anything else: tenant_id, organization_id, workspace_id.
const surelyTenant = 80

// saysNothing is the weight below which a name does not speak for the tenant by itself: region, status.
const saysNothing = 20
