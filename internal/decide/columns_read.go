package decide

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// columnsRead are, by relation, the columns that a predicate looks at; anyColumn stands for all of them.
type columnsRead map[*catalog.Relation]map[string]bool

const anyColumn = ""

// reads lists the columns that a program's variables stand for.
func (p *program) reads() columnsRead {
	out := columnsRead{}
	for i := range p.vars {
		v := &p.vars[i]
		if v.class != classColumn || v.row < 0 || p.rows[v.row].rel == nil {
			continue
		}
		name := v.name
		if v.num <= 0 {
			name = anyColumn
		}
		out.note(p.rows[v.row].rel, name)
	}
	for rel := range p.whole {
		out.note(rel, anyColumn)
	}
	return out
}

// note adds a column, and reports whether it is a new one.
func (r columnsRead) note(rel *catalog.Relation, column string) bool {
	if r[rel] == nil {
		r[rel] = map[string]bool{}
	}
	isNew := !r[rel][column]
	r[rel][column] = true
	return isNew
}

func (r columnsRead) add(o columnsRead) {
	for rel, columns := range o {
		for name := range columns {
			r.note(rel, name)
		}
	}
}

// touches reports whether a way may change a column that is read: anything but an UPDATE of others, by a MERGE too, does.
func (r columnsRead) touches(w reach.Way) bool {
	if w.Command != reach.Update && w.Command != reach.Merge || w.Columns == nil || r[w.Relation][anyColumn] || reach.RewritesRows(w.Relation, "UPDATE") {
		return true
	}
	for name := range r[w.Relation] {
		c := w.Relation.ColumnByName(name)
		if c == nil || c.Generated != "" || slices.Contains(w.Columns, name) {
			return true
		}
	}
	return false
}
