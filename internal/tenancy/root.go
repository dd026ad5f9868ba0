package tenancy

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// roots finds the tables with one row a tenant: what the key's foreign keys refer to, what holds its own id against the
// context, what is called as the key is.
func (in *inference) roots() {
	in.rootOf = make(map[string]string)
	for _, t := range in.model.Tables {
		for i := range t.Relation.Columns {
			if !in.spellings[t.Relation.Columns[i].Name] {
				continue
			}
			target, refers, ok := refersTo(t.Relation, t.Relation.Columns[i].Name)
			if !ok || target == t.Relation.Identity() {
				continue
			}
			if r := in.model.byRelation[target]; r != nil && onlyOne(r.Relation, refers) && !in.carries(r.Relation, refers) {
				in.rootOf[target] = refers
			}
		}
	}
	for _, t := range in.model.Tables {
		if id, ok := in.rootByItself(t.Relation); ok && in.rootOf[t.Relation.Identity()] == "" {
			in.rootOf[t.Relation.Identity()] = id
		}
	}
}

// carries reports whether rel has a tenant key beside the column that it is referred to by: then it is owned, not the root.
func (in *inference) carries(rel *catalog.Relation, refers string) bool {
	for i := range rel.Columns {
		name := rel.Columns[i].Name
		if name == refers || !in.spellings[name] {
			continue
		}
		if target, _, ok := refersTo(rel, name); ok && target == rel.Identity() {
			continue // a tree of tenants
		}
		return true
	}
	return false
}

// rootByItself finds a root that nothing refers to: its policy holds its own id against a tenant context, or it is called as
// the key is.
func (in *inference) rootByItself(rel *catalog.Relation) (string, bool) {
	id := ownID(rel)
	if id == "" || in.carries(rel, id) {
		return "", false
	}
	for _, c := range in.compared[rel.Identity()] {
		if in.leadsInto(rel.Identity(), func(column string) bool { return in.spellings[column] }, map[string]bool{}) {
			break // its rows lie in a tenant, whoever else may see them
		}
		if c.column == id && (!c.principal() || in.perPerson && in.comparedAlike(rel, id)) && (stem(id) == "" || in.spellings[id]) {
			return id, true
		}
	}
	for name := range in.spellings {
		if s := stem(name); s != "" && stem(rel.Name) == s && in.sameType(rel, id, name) {
			return id, true
		}
		if slices.Equal(words(name), append(wordsOne(rel.Name), words(id)...)) && in.sameType(rel, id, name) {
			return id, true // tenant_record_id is the record_id of tenants
		}
	}
	return "", false
}

// ownID returns the column that names a table's rows: its primary key or, where that has several columns and nothing refers to it, the
// one of them that is called id and no more, as beside the number of a partition. It is "" where there is none.
func ownID(rel *catalog.Relation) string {
	id := ""
	for i := range rel.Constraints {
		c := &rel.Constraints[i]
		if c.Kind != "primary" {
			continue
		}
		if len(c.Columns) == 1 {
			return c.Columns[0]
		}
		for _, column := range c.Columns {
			if stem(column) == "" {
				if id != "" {
					return ""
				}
				id = column
			}
		}
	}
	return id
}

// wordsOne splits a table's name into words, the last in the singular.
func wordsOne(table string) []string {
	ws := words(table)
	if len(ws) > 0 {
		ws[len(ws)-1] = singular(ws[len(ws)-1])
	}
	return ws
}

// sameType reports whether rel's id has the type that the key has somewhere; whole numbers of all sizes are one.
func (in *inference) sameType(rel *catalog.Relation, id, key string) bool {
	col := rel.ColumnByName(id)
	for _, t := range in.model.Tables {
		if k := t.Relation.ColumnByName(key); k != nil && col != nil && in.wide(k.TypeOID) == in.wide(col.TypeOID) {
			return true
		}
	}
	return false
}

// wide is a type's base type, and bigint for every whole number.
func (in *inference) wide(oid uint32) uint32 {
	const int8OID, int2OID, int4OID = 20, 21, 23
	base := in.model.Reader.BaseType(oid)
	if base == int2OID || base == int4OID {
		return int8OID
	}
	return base
}
