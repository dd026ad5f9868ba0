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
