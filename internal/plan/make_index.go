package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// tenantIndex plans an index that the table's policy can use: by its key, or by the columns that lead to its parent.
func (p *planner) tenantIndex(t *tenancy.Table, rows Predicate) {
	shape := indexShape(rows)
	wave := 0
	if t.Relation.ColumnByName(shape.Keys[0].Column) == nil {
		wave = 6 // the column is added and filled by this plan; the index is built once it is full
	}
	p.indexOn(t.Relation, shape, how{wave: wave, why: p.wantsFor("tenant_index", t.Relation.Identity())}, 0)
}

func indexShape(rows Predicate) IndexShape {
	if rows.Key != nil {
		key := IndexKey{Column: rows.Key.Column}
		if rows.Key.ColumnCast == "text" {
			key.Cast = rows.Key.ColumnCast
		}
		return IndexShape{Keys: []IndexKey{key}}
	}
	var out IndexShape
	for _, on := range rows.Parent.On {
		out.Keys = append(out.Keys, IndexKey{Column: on.Column})
	}
	return out
}

// indexOn plans the index of a table, or of every partition and then of the partitioned table, deepest first.
func (p *planner) indexOn(r *catalog.Relation, shape IndexShape, h how, depth int) {
	shape = p.plainVarchar(r, shape)
	if r.Partition != nil && depth == 0 && p.planned(r.Partition.Parent) {
		return // its parent's turn plans it
	}
	for i := range r.Indexes {
		x := &r.Indexes[i]
		if !fits(x, shape, r) || depth > 0 && !attachable(x, shape) {
			continue
		}
		p.indexes[r.Identity()] = x.Name
		if x.Valid && x.Ready {
			return
		}
		if r.Kind == catalog.Partitioned {
			p.withhold("partitioned_index", Name{r.Schema, x.Name}.Identity(), "it is not valid: some partition has no index attached to it, and only a person knows why", "")
			return
		}
		p.add(&repairIndex, Target{Name: nameOf(r), Object: Name{Name: x.Name}}, h)
		return
	}
	if r.Kind == catalog.Partitioned {
		for _, child := range p.children(r) {
			p.indexOn(child, shape, h, depth+1)
		}
	}
	parts := []string{r.Name}
	for _, k := range shape.Keys {
		parts = append(parts, k.Column)
	}
	target := Target{Name: nameOf(r), Index: &shape}
	target.Object.Name = p.relationName(r.Schema, append(parts, "idx")...)
	p.indexes[r.Identity()] = target.Object.Name
	h.depth = depth
	if depth > 0 {
		h.undoDanger = []string{"locks_partitions"} // it goes with its parent's, and not before
	}
	if r.Kind != catalog.Partitioned {
		p.add(&tenantIndex, target, h)
		return
	}
	for _, child := range p.children(r) {
		target.Attach = append(target.Attach, Name{child.Schema, p.indexes[child.Identity()]})
	}
	h.undoDanger = nil
	p.add(&partitionedIndex, target, h)
}

// attachable reports whether the server lets the index hang on a partitioned one of that shape: it must be the same.
func attachable(x *catalog.Index, shape IndexShape) bool {
	return len(x.Keys) == len(shape.Keys) && len(x.Include) == 0 && !x.Unique &&
		!slices.ContainsFunc(x.Keys, func(k catalog.IndexKey) bool { return k.Descending })
}

// planned reports whether the relation is a table of the model that gets an index itself.
func (p *planner) planned(identity string) bool {
	t := p.m.Table(identity)
	return t != nil && t.Class.Tenant()
}

// plainVarchar drops the cast of a column that is varchar: it changes no bytes, and an index on the column itself serves.
func (p *planner) plainVarchar(r *catalog.Relation, shape IndexShape) IndexShape {
	out := IndexShape{Keys: slices.Clone(shape.Keys)}
	for i, k := range out.Keys {
		if c := r.ColumnByName(k.Column); c != nil && k.Cast == "text" {
			if base, _ := p.baseType(c.TypeOID); base == "character varying" || base == "text" {
				out.Keys[i].Cast = ""
			}
		}
	}
	return out
}

func (p *planner) children(r *catalog.Relation) []*catalog.Relation {
	var out []*catalog.Relation
	for i := range p.snap.Relations {
		child := &p.snap.Relations[i]
		if child.Partition != nil && child.Partition.Parent == r.Identity() && child.Kind != catalog.Foreign {
			out = append(out, child)
		}
	}
	return out
}

// fits reports whether the index, once valid, serves the policy: see indexDone, which asks the server the same.
func fits(x *catalog.Index, shape IndexShape, r *catalog.Relation) bool {
	if x.Method != "btree" || x.Predicate != nil || len(x.Keys) < len(shape.Keys) {
		return false
	}
	for i, want := range shape.Keys {
		has := x.Keys[i]
		if len(has.OpClass) > 11 && has.OpClass[len(has.OpClass)-11:] == "pattern_ops" {
			return false
		}
		if want.Cast != "" {
			if has.Expression == nil || has.Expression.Text != want.printed()[1:len(want.printed())-1] && has.Expression.Text != want.printed() {
				return false
			}
			continue
		}
		column := r.ColumnByName(want.Column)
		if has.Column != want.Column || column == nil || column.Collation != has.Collation {
			return false
		}
	}
	return true
}
