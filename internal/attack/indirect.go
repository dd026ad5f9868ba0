package attack

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// sources returns the other tables that write to the target's, once for each rule or trigger by which they do; names gives
// those of a table.
func (t *Target) sources(via string, names func(*catalog.Relation) []string) []*Target {
	var out []*Target
	for i := range t.s.snap.Relations {
		r := &t.s.snap.Relations[i]
		if r.OID == t.Table.Relation.OID || r.System {
			continue
		}
		for _, name := range names(r) {
			u := *t
			u.seen, u.Path = r, Path{{via, name + " on " + r.Identity()}}
			out = append(out, &u)
		}
	}
	return out
}

// tryIndirect makes a row of the actor's own in the other table, which names the target's row wherever a column could.
func tryIndirect(ctx context.Context, tx pgx.Tx, t *Target) (bool, error) {
	row, err := t.make(ctx, tx, t.seen, t.Actor)
	if err != nil {
		return false, errors.Join(errNoRow, err)
	}
	for _, k := range t.Key {
		key := t.Table.Relation.ColumnByName(k)
		if key == nil || t.Row[k] == nil || slices.Contains(t.tenantColumns(), k) {
			continue
		}
		for _, c := range t.seen.Columns {
			if c.TypeOID == key.TypeOID && c.Generated == "" && c.Identity == "" && !slices.Contains(primaryKey(t.seen), c.Name) {
				row[c.Name] = t.Row[k]
			}
		}
	}
	for c, v := range t.Actor.own(t) {
		if _, ok := row[c]; ok {
			row[c] = v
		}
	}
	return t.changed(ctx, tx, func() error {
		_, err := t.exec(ctx, tx, insertSQL(tableName(t.seen), row))
		return err
	})
}

// own returns the tenant columns with the tenant's value, by name: the other table is taken to spell them alike.
func (a Tenant) own(t *Target) map[string]*string {
	out := map[string]*string{}
	for _, c := range keyColumns(t.Table) {
		out[c] = &a.Value
	}
	return out
}
