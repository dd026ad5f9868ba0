package attack

import (
	"context"
	"slices"
	"strings"
	"time"

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

	anchor  time.Time     // see moments; drawn when first needed
	anchors int           // how often it was moved
	groups  []momentGroup // see momentGroups

	branches []*catalog.Relation // see tree
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
		t := m.s.snap.TypeByOID(c.TypeOID)
		must := c.NotNull || (t != nil && t.Kind == "domain" && t.NotNull)
		f.given = (must && c.Default == nil && c.Identity == "") || slices.Contains(primary, c.Name) || d.partitionKey(c.Name)
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

// keysOf returns the columns of a relation that hold the tenant's value: those the model says, and for a table in which
// policies look the tenant up, those that are spelled like a tenant key elsewhere.
func (s *session) keysOf(rel *catalog.Relation) []string {
	t := s.tables[rel.Identity()]
	if k := keyColumns(t); len(k) > 0 || (t != nil && t.Class.Tenant()) {
		return k
	}
	if !s.lookup[rel.OID] {
		return nil
	}
	var out []string
	for _, other := range s.tables {
		for _, k := range other.Key {
			if rel.ColumnByName(k) != nil && !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	slices.Sort(out)
	return out
}

// fixKey gives the key columns the tenant's value. A tenant that is only being born (no value yet) draws one.
func (d *draft) fixKey() {
	if d.tenant.Name == "" {
		return
	}
	for _, name := range d.m.s.keysOf(d.rel) {
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
		if k.Kind == "check" && k.Check != nil && slices.Contains(k.Columns, c.Name) {
			text := k.Check.Text + d.m.called(k.Check.Text)
			out = append(out, d.m.v.fromCheck(text)...)
			if t, _ := d.m.s.baseType(c.TypeOID, c.TypeMod); t != nil && (t.Name == "json" || t.Name == "jsonb") {
				out = append(documents(text), out...)
			}
		}
	}
	out = slices.Concat(d.moments(c), d.spans(c), out)
	out = append(d.bounds(c.Name), out...)
	out = append(out, d.asLinked(c)...)
	out = append(out, d.m.v.forType(c.TypeOID, c.TypeMod, 0)...)
	if d.partitionKey(c.Name) { // of a hash: some draw lands in each part
		for range 8 {
			out = append(out, d.m.v.one(c.TypeOID, c.TypeMod))
		}
	}
	return slices.DeleteFunc(out, func(s string) bool { return strings.ContainsRune(s, 0) })
}

// asLinked returns values that a child's column can hold too, where a child has its tenant by this column and its own is of
// another type: text that holds uuids, numbers in text.
func (d *draft) asLinked(c *catalog.Column) []string {
	var out []string
	for _, t := range d.m.model.Tables {
		if t.Parent == nil || t.Parent.Table == nil || t.Parent.Table.Relation != d.rel {
			continue
		}
		for i, ref := range t.Parent.Refs {
			if ref != c.Name || i >= len(t.Parent.Columns) {
				continue
			}
			if child := t.Relation.ColumnByName(t.Parent.Columns[i]); child != nil && child.TypeOID != c.TypeOID {
				out = append(out, d.m.v.forType(child.TypeOID, child.TypeMod, 0)...)
			}
		}
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
	for _, name := range d.order { // in order: what is drawn must not hang on a map's
		if f := d.fields[name]; f.given {
			if v := d.value(f); v != nil || f.null || f.self != "" {
				out[name] = v
			}
		}
	}
	return out
}
