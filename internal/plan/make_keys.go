package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// wantUnique leads a unique constraint with the tenant.
func (p *planner) wantUnique(w Want) {
	t := p.m.Table(w.Table)
	if t == nil || len(t.Key) != 1 {
		p.withhold(w.Kind, w.Object, "the table has no single tenant key to lead it with", "")
		return
	}
	r := t.Relation
	for i := range r.Constraints {
		c := &r.Constraints[i]
		if c.Identity(r) != w.Object && (Name{r.Schema, cmp.Or(c.Index, c.Name)}).Identity() != w.Object {
			continue
		}
		if c.Kind == "exclusion" {
			p.exclusion(t, c, w)
			return
		}
		if why := p.cannotSwap(r, c); why != "" {
			p.withhold(w.Kind, w.Object, why, "")
			return
		}
		columns := append([]string{t.Key[0]}, c.Columns...)
		target := Target{Name: nameOf(r), Columns: columns, Old: Name{Name: c.Name}, OldColumns: c.Columns}
		if !p.allow["unique_swap"] {
			target.Object.Name = c.Name
			p.add(&uniqueSwap, target, how{}) // withholds it, with the index it needs
			return
		}
		target.Object.Name = p.uniqueIndexFor(r, columns, w)
		p.add(&uniqueSwap, target, how{why: w.why()})
		return
	}
	p.withhold(w.Kind, w.Object, "it is an index without a constraint: nothing swaps it in one statement, a person has to", "")
}

// cannotSwap says why a constraint has to stay.
func (p *planner) cannotSwap(r *catalog.Relation, c *catalog.Constraint) string {
	switch {
	case c.Kind != "unique":
		return "it is a " + c.Kind + " constraint: other tables and the application name rows by it"
	case c.Deferrable:
		return "it is deferrable, which an index that is built beforehand cannot be"
	case plainIndex(r, c) == nil:
		return "its index includes further columns or takes NULLs for equal, which one led by the tenant would not"
	case r.Kind == catalog.Partitioned || r.Partition != nil:
		return "on a partitioned table an index cannot become a constraint"
	}
	for i := range p.snap.Relations {
		other := &p.snap.Relations[i]
		for _, k := range other.Constraints {
			if k.Kind == "foreign" && k.RefTable == r.Identity() && slices.Equal(slices.Sorted(slices.Values(k.RefColumns)), slices.Sorted(slices.Values(c.Columns))) {
				return "the foreign key " + k.Name + " of " + other.Identity() + " stands on it"
			}
		}
	}
	return ""
}

// uniqueIndexFor returns the name of a valid unique index over the columns, planning it where there is none.
func (p *planner) uniqueIndexFor(r *catalog.Relation, columns []string, w Want) string {
	for i := range r.Indexes {
		x := &r.Indexes[i]
		if x.Unique && x.Valid && x.Ready && x.Predicate == nil && x.Constraint == "" && slices.EqualFunc(x.Keys, columns, func(k catalog.IndexKey, c string) bool { return k.Column == c }) {
			return x.Name
		}
	}
	key := r.Identity() + "\x00" + strings.Join(columns, "\x00")
	if name := p.keys[key]; name != "" {
		return name
	}
	name := p.relationName(r.Schema, append(append([]string{r.Name}, columns...), "key")...)
	p.keys[key] = name
	target := Target{Name: nameOf(r), Columns: columns}
	target.Object.Name = name
	p.add(&uniqueIndex, target, how{why: w.why()})
	return name
}

// wantForeignKey makes a reference name the tenant too, and takes the old one away where no row can be without its tenant.
func (p *planner) wantForeignKey(w Want) {
	t := p.m.Table(w.Table)
	if t == nil || len(t.Key) != 1 {
		p.withhold(w.Kind, w.Object, "the table has no single tenant key to refer with", "")
		return
	}
	for i := range t.Relation.Constraints {
		c := &t.Relation.Constraints[i]
		if c.Kind != "foreign" || c.Identity(t.Relation) != w.Object {
			continue
		}
		p.compositeKey(t, c, w)
		return
	}
	p.withhold(w.Kind, w.Object, "no foreign key of this name", "")
}

func (p *planner) compositeKey(t *tenancy.Table, c *catalog.Constraint, w Want) {
	parent := p.m.Table(c.RefTable)
	switch {
	case parent == nil || len(parent.Key) != 1:
		p.withhold(w.Kind, w.Object, "the table it refers to has no single tenant key", "")
		return
	case p.version < 180000 && t.Relation.Kind == catalog.Partitioned:
		p.withhold(w.Kind, w.Object, "before 18 a partitioned table cannot get a foreign key that is validated later", "")
		return
	case parent.Relation.Kind == catalog.Partitioned:
		p.withhold(w.Kind, w.Object, "the unique index it needs on a partitioned table would have to hold the partition key", "")
		return
	case strings.HasPrefix(c.OnDelete, "set") || strings.HasPrefix(c.OnUpdate, "set"):
		p.withhold(w.Kind, w.Object, "its action sets columns, which would then be the tenant key's too", "")
		return
	}
	refs := append([]string{parent.Key[0]}, c.RefColumns...)
	target := Target{Name: nameOf(t.Relation), Columns: append([]string{t.Key[0]}, c.Columns...), Reference: &Reference{
		Name: nameOf(parent.Relation), Columns: refs, OnDelete: strings.ToUpper(c.OnDelete), OnUpdate: strings.ToUpper(c.OnUpdate),
	}}
	switch {
	case c.Deferred:
		target.Reference.Defer = "deferred"
	case c.Deferrable:
		target.Reference.Defer = "deferrable"
	}
	existing, validated := sameReference(t.Relation, target)
	if !uniquelyKeyed(parent.Relation, refs) {
		p.uniqueIndexFor(parent.Relation, refs, w)
	}
	target.Object.Name = existing
	if existing == "" {
		target.Object.Name = uniqueName(func(n string) bool { return hasConstraint(t.Relation, n) }, append(append([]string{t.Relation.Name}, target.Columns...), "fkey")...)
		p.add(&foreignKey, target, how{why: w.why()})
	}
	if !validated {
		p.add(&foreignKeyValidate, target, how{why: w.why()})
	}
	p.dropReference(t, c, w)
}

// dropReference takes away the reference that the composite one makes needless. A row whose tenant key is NULL would be checked by
// the old one only; an old one that is not valid could not be given back as it was.
func (p *planner) dropReference(t *tenancy.Table, c *catalog.Constraint, w Want) {
	key := t.Relation.ColumnByName(t.Key[0])
	if key == nil || !key.NotNull || !c.Validated || c.NotEnforced || t.Relation.Kind == catalog.Partitioned {
		p.withhold("foreign_key_drop", w.Object, "a row may have no tenant, or the reference is not validated: it still says something of its own", "")
		return
	}
	ref := Reference{Name: nameOf(p.m.Table(c.RefTable).Relation), Columns: c.RefColumns, Full: c.Match == "full",
		OnDelete: strings.ToUpper(c.OnDelete), OnUpdate: strings.ToUpper(c.OnUpdate)}
	switch {
	case c.Deferred:
		ref.Defer = "deferred"
	case c.Deferrable:
		ref.Defer = "deferrable"
	}
	target := Target{Name: nameOf(t.Relation), Columns: c.Columns, Reference: &ref}
	target.Object.Name = c.Name
	p.add(&foreignKeyDrop, target, how{why: w.why()})
}

func sameReference(r *catalog.Relation, t Target) (name string, validated bool) {
	for _, c := range r.Constraints {
		if c.Kind == "foreign" && slices.Equal(c.Columns, t.Columns) && c.RefTable == t.Reference.Identity() && slices.Equal(c.RefColumns, t.Reference.Columns) {
			return c.Name, c.Validated
		}
	}
	return "", false
}

func uniquelyKeyed(r *catalog.Relation, columns []string) bool {
	return slices.ContainsFunc(r.Indexes, func(x catalog.Index) bool {
		return x.Unique && x.Valid && x.Predicate == nil && slices.EqualFunc(x.Keys, columns, func(k catalog.IndexKey, c string) bool { return k.Column == c })
	})
}

// plainIndex is the index behind a constraint where it holds nothing but the constraint's columns; nil where it is more than that.
func plainIndex(r *catalog.Relation, c *catalog.Constraint) *catalog.Index {
	for i := range r.Indexes {
		x := &r.Indexes[i]
		if x.Name == cmp.Or(c.Index, c.Name) && len(x.Include) == 0 && !x.NullsEqual {
			return x
		}
	}
	return nil
}
