package attack

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// fixParents points each foreign key that has to hold at a parent, made first. Nullable ones that no tenant hangs on stay NULL.
func (d *draft) fixParents(ctx context.Context, tx pgx.Tx) error {
	if err := d.fixLink(ctx, tx); err != nil {
		return err
	}
	for i := range d.rel.Constraints {
		k := &d.rel.Constraints[i]
		if k.Kind != "foreign" || !d.binds(k) {
			continue
		}
		parent := d.m.s.snap.Relation(k.RefTable)
		if parent == nil {
			return &Unmade{Table: d.rel.Identity(), Constraint: k.Name, Why: "the referenced table " + k.RefTable + " is not in the snapshot"}
		}
		if err := d.fixParent(ctx, tx, parent, k.Columns, k.RefColumns, k.Name); err != nil {
			return err
		}
	}
	return nil
}

// fixLink points a child at its parent where no foreign key says so (a policy or the configuration does).
func (d *draft) fixLink(ctx context.Context, tx pgx.Tx) error {
	if d.table == nil || d.tenant.Name == "" {
		return nil
	}
	if l := d.table.Parent; l != nil && l.Table != nil {
		return d.fixParent(ctx, tx, l.Table.Relation, l.Columns, l.Refs, "link to "+l.Table.Relation.Identity())
	}
	return nil
}

// binds reports whether the foreign key must hold: a column of it is given, or the tenant hangs on it.
func (d *draft) binds(k *catalog.Constraint) bool {
	must := true
	for _, c := range k.Columns {
		f := d.fields[c]
		if f == nil || f.null {
			return false // generated, or NULL already: nothing to point
		}
		must = must && (f.given || f.col.NotNull)
	}
	return must
}

// fixParent takes the key of the tenant's row in the parent.
func (d *draft) fixParent(ctx context.Context, tx pgx.Tx, parent *catalog.Relation, columns, refs []string, constraint string) error {
	if parent.Identity() == d.rel.Identity() {
		d.pointSelf(columns, refs)
		return nil
	}
	r, err := d.parentRow(ctx, tx, parent, refs)
	if err != nil {
		if d.loosen(columns) {
			return nil
		}
		return &Unmade{Table: d.rel.Identity(), Constraint: constraint, Why: err.Error()}
	}
	for i, c := range columns {
		f := d.fields[c]
		if f == nil || i >= len(refs) {
			continue
		}
		v := r[refs[i]]
		if f.fixed != nil && v != nil && *f.fixed != *v && d.loosen(without(columns, c)) {
			continue
		}
		f.fix(v)
	}
	return nil
}

// parentRow returns the tenant's row in the parent, or the key promised where parent and child refer to one another.
func (d *draft) parentRow(ctx context.Context, tx pgx.Tx, parent *catalog.Relation, refs []string) (map[string]*string, error) {
	t := d.m.tables[parent.Identity()]
	if (t == nil || !t.Class.Tenant()) && !d.m.private || d.tenant.Name == "" {
		r, err := d.m.shared(ctx, tx, parent)
		if err != nil {
			return nil, err
		}
		return r.values, nil
	}
	key := rowKey{parent.Identity(), d.tenant.Name}
	if !d.m.busy[key] {
		r, err := d.m.row(ctx, tx, parent, d.tenant)
		if err != nil {
			return nil, err
		}
		return r.values, nil
	}
	return d.m.promise(key, parent, refs, d.tenant), nil
}

// promise reserves key values for a row that is being made further up.
func (m *maker) promise(key rowKey, parent *catalog.Relation, refs []string, tenant Tenant) map[string]*string {
	if m.reserved[key] == nil {
		m.reserved[key] = map[string]string{}
	}
	out := map[string]*string{}
	for _, c := range refs {
		v, ok := m.reserved[key][c]
		if col := parent.ColumnByName(c); !ok && col != nil {
			v = m.v.one(col.TypeOID, col.TypeMod)
			if slices.Contains(m.s.keysOf(parent), c) && tenant.Value != "" {
				v = tenant.Value
			}
			m.reserved[key][c] = v
		}
		out[c] = &v
	}
	return out
}

// pointSelf lets a row refer to itself, or to nothing where it may.
func (d *draft) pointSelf(columns, refs []string) {
	if d.loosen(columns) {
		return
	}
	for i, c := range columns {
		if f := d.fields[c]; f != nil && i < len(refs) && !f.locked && c != refs[i] {
			f.given, f.locked, f.self = true, true, refs[i]
		}
	}
}

// loosen sets a nullable column of the key to NULL, which lifts the foreign key; false where none may be.
func (d *draft) loosen(columns []string) bool {
	for _, c := range columns {
		if f := d.fields[c]; f != nil && !f.col.NotNull && f.fixed == nil && !slices.Contains(d.m.s.keysOf(d.rel), c) {
			f.fix(nil)
			return true
		}
	}
	return false
}

// without returns the names but one.
func without(names []string, not string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == not })
}
