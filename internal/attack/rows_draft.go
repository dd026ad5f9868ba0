package attack

import (
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A draft is a row on its way into a table: proposals for each column, advanced by what the server refuses.
type draft struct {
	m      *maker
	rel    *catalog.Relation
	table  *tenancy.Table // nil: the model does not know the relation
	tenant Tenant
	fields map[string]*field
	order  []string // column names in their order
	marker string
	full   bool // every column is already given
}

// A field is one column of a draft.
type field struct {
	col     *catalog.Column
	options []string // proposals; drawn when first needed
	next    int
	fixed   *string // set by the tenant key or a foreign key
	null    bool    // given as NULL
	self    string  // takes the value of this column of the same row
	given   bool    // named in the INSERT
	locked  bool    // not to be advanced: fixed, null or self
}

// draft proposes a row: key columns are the tenant's, foreign keys point at the tenant's own parents, and the rest is what
// the column asks for. Columns with a default or without NOT NULL are left out, but for a primary key and a marker.
func (m *maker) draft(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (*draft, error) {
	d := &draft{m: m, rel: rel, table: m.tables[rel.Identity()], tenant: tenant, fields: map[string]*field{}}
	primary := primaryKey(rel)
	for i := range rel.Columns {
		c := &rel.Columns[i]
		if c.Generated != "" {
			continue
		}
		f := &field{col: c}
		f.given = (c.NotNull && c.Default == nil && c.Identity == "") || slices.Contains(primary, c.Name) || d.partitionKey(c.Name)
		d.fields[c.Name], d.order = f, append(d.order, c.Name)
	}
	d.fixKey()
	if err := d.fixParents(ctx, tx); err != nil {
		return nil, err
	}
	d.keepPromise()
	d.mark()
	return d, nil
}

// primaryKey returns the columns of the primary key, or nil.
func primaryKey(rel *catalog.Relation) []string {
	for _, c := range rel.Constraints {
		if c.Kind == "primary" {
			return c.Columns
		}
	}
	return nil
}

// keyColumns returns the columns that hold the tenant's value: the table's own key, or a root's primary key.
func keyColumns(t *tenancy.Table) []string {
	switch {
	case t == nil:
		return nil
	case len(t.Key) > 0:
		return t.Key
	case t.Class == tenancy.Root:
		return primaryKey(t.Relation)
	}
	return nil
}

// partitionKey reports whether the relation, or the one it is a partition of, is split by the column.
func (d *draft) partitionKey(column string) bool {
	for r := d.rel; r != nil; {
		if r.PartitionBy != nil && slices.Contains(r.PartitionBy.Columns, column) {
			return true
		}
		if r.Partition == nil {
			return false
		}
		r = d.m.s.snap.Relation(r.Partition.Parent)
	}
	return false
}

// fixKey gives the key columns the tenant's value. A tenant that is only being born (no value yet) draws one.
func (d *draft) fixKey() {
	if d.tenant.Name == "" {
		return
	}
	for _, name := range keyColumns(d.table) {
		f := d.fields[name]
		if f == nil {
			continue
		}
		f.given = true
		if d.tenant.Value != "" {
			f.fix(&d.tenant.Value)
		}
	}
}

// fix sets a field for good.
func (f *field) fix(v *string) {
	f.given, f.locked, f.fixed, f.null = true, true, v, v == nil
}

// keepPromise takes the key values that were promised to rows already made.
func (d *draft) keepPromise() {
	for name, v := range d.m.reserved[rowKey{d.rel.Identity(), d.tenant.Name}] {
		if f := d.fields[name]; f != nil && f.fixed == nil {
			f.fix(&v)
		}
	}
}

// mark gives one text column without any constraint a text that occurs nowhere else.
func (d *draft) mark() {
	for _, name := range d.order {
		f := d.fields[name]
		if f.locked || !d.free(f.col) {
			continue
		}
		word := d.m.v.word(20)
		if base, mod := d.m.s.baseType(f.col.TypeOID, f.col.TypeMod); mod >= 4 && base.Name != "text" {
			word = word[:min(len(word), int(mod-4))]
		}
		if len(word) < 8 {
			continue
		}
		d.marker, f.given, f.options = word, true, append([]string{word}, d.propose(f.col)...)
		return
	}
}

// free reports whether a column is plain text that no check, key or index speaks of.
func (d *draft) free(c *catalog.Column) bool {
	t := d.m.s.snap.TypeByOID(c.TypeOID)
	if t == nil || (t.Name != "text" && t.Name != "varchar" && t.Name != "citext") || d.partitionKey(c.Name) {
		return false
	}
	for _, k := range d.rel.Constraints {
		if slices.Contains(k.Columns, c.Name) && k.Kind != "not_null" {
			return false
		}
	}
	return true
}

// checked reports whether a CHECK speaks of the column.
func (d *draft) checked(c *catalog.Column) bool {
	return slices.ContainsFunc(d.rel.Constraints, func(k catalog.Constraint) bool {
		return k.Kind == "check" && slices.Contains(k.Columns, c.Name)
	})
}

// propose returns what a column may hold: what its checks and bounds suggest, then what its type takes.
func (d *draft) propose(c *catalog.Column) []string {
	var out []string
	for _, k := range d.rel.Constraints {
		if k.Kind == "check" && k.Check != nil {
			out = append(out, d.m.v.fromCheck(k.Check.Text, c.Name)...)
		}
	}
	if d.partitionKey(c.Name) {
		out = append(out, d.bounds()...)
	}
	out = append(out, d.m.v.forType(c.TypeOID, c.TypeMod, 0)...)
	return slices.DeleteFunc(out, func(s string) bool { return strings.ContainsRune(s, 0) })
}

// bounds returns the values that partition bounds name, those of the relation's own bound first.
func (d *draft) bounds() []string {
	var out []string
	add := func(r *catalog.Relation) {
		if r.Partition == nil {
			return
		}
		for _, m := range quotedLiteral.FindAllStringSubmatch(r.Partition.Bound, -1) {
			out = append(out, strings.ReplaceAll(m[1], "''", "'"))
		}
		var numbers []float64
		for _, m := range bareNumber.FindAllStringSubmatch(quotedLiteral.ReplaceAllString(r.Partition.Bound, ""), -1) {
			numbers = append(numbers, toFloat(m[1]))
		}
		out = append(out, around(numbers)...)
	}
	add(d.rel)
	for i := range d.m.s.snap.Relations {
		if r := &d.m.s.snap.Relations[i]; r.Partition != nil && r.Partition.Parent == d.rel.Identity() {
			add(r)
		}
	}
	for range 8 { // hash partitions: some value lands in each
		out = append(out, itoa(d.m.v.random.IntN(30000)))
	}
	return out
}

// value returns what the field holds now.
func (d *draft) value(f *field) *string {
	switch {
	case f.self != "":
		if other := d.fields[f.self]; other != nil && other.self == "" {
			return d.value(other)
		}
		return nil
	case f.null:
		return nil
	case f.locked:
		return f.fixed
	}
	if f.options == nil {
		f.options = d.propose(f.col)
	}
	if len(f.options) == 0 {
		return nil
	}
	return &f.options[min(f.next, len(f.options)-1)]
}

// row returns the columns that are given, with their values.
func (d *draft) row() map[string]*string {
	out := map[string]*string{}
	for name, f := range d.fields {
		if f.given {
			if v := d.value(f); v != nil || f.null || f.self != "" {
				out[name] = v
			}
		}
	}
	return out
}
