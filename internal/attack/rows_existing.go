package attack

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// find returns some row that is in the table already, or nil: seen from outside row security, to be read only.
func (m *maker) find(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, condition string) (*made, error) {
	names := make([]string, 0, len(rel.Columns)+1)
	names = append(names, "tableoid")
	for _, c := range rel.Columns {
		names = append(names, pg.Ident(c.Name))
	}
	sql := fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), tableName(rel))
	if condition != "" {
		sql += " WHERE " + condition
	}
	rows, err := m.s.see(ctx, tx, rel.Owner, sql+" LIMIT 1")
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	r := m.read(rel, rows[0])
	r.existing = true
	return r, nil
}

// visible returns a row of the tenant's that the application itself sees in its context, or nil: to be read only.
func (m *maker) visible(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, tenant Tenant) (*made, error) {
	names := []string{"tableoid"}
	for _, c := range rel.Columns {
		names = append(names, pg.Ident(c.Name))
	}
	sql := fmt.Sprintf("SELECT %s FROM %s", strings.Join(names, ", "), tableName(rel))
	for i, k := range m.s.keysOf(rel) {
		sql += map[bool]string{true: " WHERE ", false: " AND "}[i == 0] + pg.Ident(k) + "::text = " + pg.Literal(tenant.Value)
	}
	var out *made
	err := undone(ctx, tx, func(sp pgx.Tx) error {
		if err := m.take(ctx, sp, identity{"", true}, tenant); err != nil {
			return err
		}
		rows, err := query(ctx, sp, sql+" LIMIT 1")
		if err == nil && len(rows) == 1 {
			out = m.read(rel, rows[0])
			out.existing = true
		}
		return err
	})
	return out, err
}

// read turns a result row (tableoid, then every column) into a made row.
func (m *maker) read(rel *catalog.Relation, row []*string) *made {
	r := &made{rel: rel, stored: rel, values: map[string]*string{}, given: map[string]*string{}}
	if row[0] != nil {
		var oid uint32
		if _, err := fmt.Sscan(*row[0], &oid); err == nil {
			if p := m.s.snap.RelationByOID(oid); p != nil {
				r.stored = p
			}
		}
	}
	for i, c := range rel.Columns {
		r.values[c.Name] = row[i+1]
	}
	return r
}

// existingTenants returns two tenant values that have rows in the table; fewer where it has fewer.
func (m *maker) existingTenants(ctx context.Context, tx pgx.Tx, rel *catalog.Relation, key string) ([]string, error) {
	name := pg.Ident(key)
	var out []string
	for len(out) < 2 {
		sql := fmt.Sprintf("SELECT %s FROM %s WHERE %s IS NOT NULL", name, tableName(rel), name)
		for _, v := range out {
			sql += fmt.Sprintf(" AND %s::text <> %s", name, pg.Literal(v))
		}
		rows, err := m.s.see(ctx, tx, rel.Owner, sql+" LIMIT 1")
		if err != nil {
			return nil, fmt.Errorf("looking for the rows of two tenants in %s: %w", rel.Identity(), err)
		}
		if len(rows) == 0 {
			return out, nil
		}
		out = append(out, *rows[0][0])
	}
	return out, nil
}
