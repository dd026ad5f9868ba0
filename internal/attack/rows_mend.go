package attack

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// mend changes the draft in answer to what the server refused; false where nothing is left to change.
func (d *draft) mend(ctx context.Context, tx pgx.Tx, e *pgconn.PgError) bool {
	switch e.Code {
	case notNullViolation:
		f := d.fields[e.ColumnName]
		if f == nil {
			return e.DataTypeName != "" && d.advance(d.ofType(e.SchemaName, e.DataTypeName))
		}
		if !f.given {
			f.given = true
			return true
		}
		return d.advance([]string{e.ColumnName})
	case uniqueViolation:
		return d.advance(d.tellingFirst(d.columnsOf(e)))
	case checkViolation:
		return d.advance(d.columnsOf(e))
	case exclusionViolation:
		return d.reanchor(d.columnsOf(e)) || d.advance(d.columnsOf(e))
	case foreignKeyViolation:
		return d.loosen(d.columnsOf(e)) || d.advance(d.columnsOf(e))
	case raisedException:
		return d.fill()
	}
	if e.Code[:2] == "22" {
		return d.replaceInvalid(ctx, tx) || d.fill() || d.advance(d.relatedMoments())
	}
	return false
}

// relatedMoments returns the columns whose moments are held against others: a range may end before it starts.
func (d *draft) relatedMoments() []string {
	return slices.DeleteFunc(slices.Clone(d.order), func(name string) bool {
		related, _ := d.related(d.fields[name].col)
		return related == nil
	})
}

// tellingFirst orders the columns of a key so that those that tell rows apart within it come first: the last ones, and those
// that do not say which partition a row is in.
func (d *draft) tellingFirst(columns []string) []string {
	out := slices.Clone(columns)
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b string) int {
		pa, pb := d.partitionKey(a), d.partitionKey(b)
		switch {
		case pa == pb:
			return 0
		case pa:
			return 1
		}
		return -1
	})
	return out
}

// columnsOf returns the columns that the violated constraint, index, domain or partition bound speaks of.
func (d *draft) columnsOf(e *pgconn.PgError) []string {
	rels := []*catalog.Relation{d.rel}
	if r := d.m.s.snap.Relation(catalog.QuoteIdent(e.SchemaName) + "." + catalog.QuoteIdent(e.TableName)); r != nil {
		rels = append(rels, r)
	}
	for _, r := range rels {
		for _, k := range r.Constraints {
			if k.Name == e.ConstraintName && len(k.Columns) > 0 {
				return k.Columns
			}
		}
		for _, x := range r.Indexes {
			if x.Name == e.ConstraintName {
				return indexed(d.rel, x)
			}
		}
	}
	if e.DataTypeName != "" {
		return d.ofType(e.SchemaName, e.DataTypeName)
	}
	var out []string
	for _, name := range d.order {
		if d.partitionKey(name) {
			out = append(out, name)
		}
	}
	return out
}

// ofType returns the columns of a domain type.
func (d *draft) ofType(schema, name string) []string {
	var out []string
	for _, c := range d.order {
		t := d.m.s.snap.TypeByOID(d.fields[c].col.TypeOID)
		if t != nil && t.Schema == schema && t.Name == name {
			out = append(out, c)
		}
	}
	return out
}

// advance moves the columns on to their next combination of proposals; false when all were tried.
func (d *draft) advance(columns []string) bool {
	for _, name := range columns {
		f := d.fields[name]
		if f == nil || f.locked {
			continue
		}
		if !f.given {
			f.given = true
			return true
		}
		d.value(f) // draws the proposals
		if f.next++; f.next < len(f.options) {
			return true
		}
		f.next = 0
	}
	return false
}

// fill gives every column a value, once: some triggers and functions ask for more than the constraints do.
func (d *draft) fill() bool {
	if d.full {
		return false
	}
	d.full = true
	changed := false
	for _, f := range d.fields {
		if !f.given && f.col.Identity == "" && f.col.Default == nil {
			f.given, changed = true, true
		}
	}
	return changed
}

// replaceInvalid moves on each column whose value its own type does not take.
func (d *draft) replaceInvalid(ctx context.Context, tx pgx.Tx) bool {
	changed := false
	for _, name := range d.order {
		f := d.fields[name]
		v := d.value(f)
		if !f.given || f.locked || v == nil {
			continue
		}
		for !d.valid(ctx, tx, f) && f.next+1 < len(f.options) {
			f.next++
			changed = true
		}
	}
	return changed
}

// valid reports whether a field's value is one of its type.
func (d *draft) valid(ctx context.Context, tx pgx.Tx, f *field) bool {
	v := d.value(f)
	if v == nil {
		return true
	}
	sql := fmt.Sprintf("SELECT CAST(%s AS %s)", pg.Literal(*v), f.col.Type)
	return undone(ctx, tx, func(sp pgx.Tx) error { _, err := query(ctx, sp, sql); return err }) == nil
}

// keyOf returns the columns that pick one row: the primary key, else a unique key without NULL, else every column that is
// not NULL in the row.
func keyOf(rel *catalog.Relation, row map[string]*string) []string {
	if k := primaryKey(rel); len(k) > 0 {
		return k
	}
	for _, c := range rel.Constraints {
		if c.Kind == "unique" && !slices.ContainsFunc(c.Columns, func(n string) bool { return row[n] == nil }) {
			return c.Columns
		}
	}
	var out []string
	for _, c := range rel.Columns {
		if row[c.Name] != nil {
			out = append(out, c.Name)
		}
	}
	return out
}
