package tenancy

import (
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// byColumnName is the source of a link that only a column's name tells: frameworks that check references themselves declare no foreign
// keys, and contact_id beside contacts(id) is all there is.
const byColumnName = "name"

// namedStep returns the best column of rel that is called after a table of tenants' rows and has the type of its key. A column that
// stands beside a name of tables, as record_id beside record_type, leads to none.
func (in *inference) namedStep(rel *catalog.Relation) (step, bool) {
	var best *step
	for i := range rel.Columns {
		col := &rel.Columns[i]
		if _, _, declared := refersTo(rel, col.Name); declared || !identifies(col.Name) || typeBeside(rel, col.Name) != "" {
			continue
		}
		parent, id := in.calledAfter(rel, col)
		if parent == nil {
			continue
		}
		s := step{
			link:     Link{Table: parent, Columns: []string{col.Name}, Refs: []string{id}, Source: byColumnName},
			nullable: !col.NotNull,
			person:   personal(parent.Relation.Name) || personal(col.Name),
		}
		if !s.dealtWith() && (best == nil || s.before(best)) {
			best = &s
		}
	}
	if best == nil {
		return step{}, false
	}
	return *best, true
}

// identifies reports whether a name ends in a word for an identifier, with another before it.
func identifies(column string) bool {
	ws := words(column)
	return len(ws) > 1 && idWords[ws[len(ws)-1]]
}

// calledAfter returns the one table in rel's schema that col is called after, where it has a tenant, and its key. Two such tables are none.
func (in *inference) calledAfter(rel *catalog.Relation, col *catalog.Column) (parent *Table, id string) {
	for _, t := range in.model.Tables {
		if t.Relation == rel || t.Relation.Schema != rel.Schema || t.Relation.Partition != nil || stem(t.Relation.Name) != stem(col.Name) {
			continue
		}
		if parent != nil {
			return nil, ""
		}
		key := primaryAlone(t.Relation)
		if c := t.Relation.ColumnByName(key); c == nil || !t.Class.Tenant() || in.wide(c.TypeOID) != in.wide(col.TypeOID) {
			return nil, ""
		}
		parent, id = t, key
	}
	return parent, id
}

// primaryAlone returns the primary key's column, "" where it has none or several.
func primaryAlone(rel *catalog.Relation) string {
	for i := range rel.Constraints {
		if c := &rel.Constraints[i]; c.Kind == "primary" && len(c.Columns) == 1 {
			return c.Columns[0]
		}
	}
	return ""
}

// typeBeside returns the column that says of which table a row is named by column: record_type beside record_id, "" for none.
func typeBeside(rel *catalog.Relation, column string) string {
	ws := words(column)
	if len(ws) < 2 || !idWords[ws[len(ws)-1]] {
		return ""
	}
	for i := range rel.Columns {
		other := words(rel.Columns[i].Name)
		if len(other) == len(ws) && slices.Equal(other[:len(other)-1], ws[:len(ws)-1]) && other[len(other)-1] == "type" {
			return rel.Columns[i].Name
		}
	}
	return ""
}

// tellsMore reports whether a column beside a type more likely says what of that type it is than which row:
// interval_type and interval_number, file_type and file_name.
func tellsMore(column string) bool {
	ws := words(column)
	return slices.Contains([]string{"no", "nr", "num", "number", "code", "name", "hash"}, ws[len(ws)-1])
}

// ofManyTables names the columns by which rows of rel belong to rows of different tables: owner_type and owner_id, as Rails writes them,
// or a reference to Django's table of content types and object_id. It is empty where there are none.
func (in *inference) ofManyTables(rel *catalog.Relation) string {
	for i := range rel.Columns {
		name := rel.Columns[i].Name
		if other := typeBeside(rel, name); other != "" && !tellsMore(name) {
			return other + " and " + name
		}
		target, _, ok := refersTo(rel, name)
		if !ok || !strings.HasSuffix(target, ".django_content_type") {
			continue
		}
		for k := range rel.Columns {
			if ws := words(rel.Columns[k].Name); len(ws) == 2 && ws[0] == "object" && idWords[ws[1]] {
				return name + " and " + rel.Columns[k].Name
			}
		}
	}
	return ""
}
