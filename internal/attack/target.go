package attack

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

// sortedKeys returns a map's keys in order, so that statements and reports come out the same each time.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

// literal writes a column value in text form; nil is NULL.
func literal(v *string) string {
	if v == nil {
		return "NULL"
	}
	return pg.Literal(*v)
}

// exec runs one statement as whoever the transaction acts as, in a savepoint of its own, and notes it for the report.
func (t *Target) exec(ctx context.Context, tx pgx.Tx, sql string) (int64, error) {
	t.s.statements = append(t.s.statements, sql)
	var n int64
	err := within(ctx, tx, func(sp pgx.Tx) error {
		tag, err := sp.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// query is exec for statements that return rows, in text form.
func (t *Target) query(ctx context.Context, tx pgx.Tx, sql string) ([][]*string, error) {
	t.s.statements = append(t.s.statements, sql)
	var out [][]*string
	err := within(ctx, tx, func(sp pgx.Tx) error {
		var err error
		out, err = query(ctx, sp, sql)
		return err
	})
	return out, err
}

// where is the condition that picks the row, by its key.
func (t *Target) where() string { return t.match(t.Key, t.Row) }

// match is the condition that picks a row by some of its columns.
func (t *Target) match(columns []string, row map[string]*string) string {
	parts := make([]string, 0, len(columns))
	for _, c := range columns {
		parts = append(parts, t.equals(c, row[c]))
	}
	if len(parts) == 0 {
		return "false"
	}
	return strings.Join(parts, " AND ")
}

// equals compares one column with a value, as text where the type has no equality of its own.
func (t *Target) equals(column string, v *string) string {
	name := pg.Ident(column)
	switch {
	case v == nil:
		return name + " IS NULL"
	case t.s.comparable(t.Table.Relation.ColumnByName(column)):
		return name + " = " + pg.Literal(*v)
	default:
		return name + "::text = " + pg.Literal(*v)
	}
}

// comparable reports whether a column's type has an equality in the default operator family.
func (s *session) comparable(c *catalog.Column) bool {
	if c == nil {
		return false
	}
	base, _ := s.baseType(c.TypeOID, c.TypeMod)
	if base == nil {
		return false
	}
	switch base.Name {
	case "json", "xml", "point", "box", "line", "lseg", "path", "polygon", "circle", "float4", "float8", "money", "bpchar":
		return false
	}
	return base.System || base.Kind == "enum"
}

// baseType follows domains to the type underneath and its modifier; nil where the snapshot does not name it.
func (s *session) baseType(oid uint32, mod int32) (*catalog.Type, int32) {
	for range 32 {
		t := s.snap.TypeByOID(oid)
		if t == nil || t.Kind != "domain" {
			return t, mod
		}
		oid = t.Base
		if t.BaseMod != -1 {
			mod = t.BaseMod
		}
	}
	return nil, mod
}

// look runs a query on the table from outside row security or, where this session has no such place to stand, as the table's
// owner (the application's own log-in: as itself) in the context of the tenant that the row belongs to.
func (t *Target) look(ctx context.Context, tx pgx.Tx, sql string) ([][]*string, error) {
	who := t.Table.Relation.Owner
	if t.s.own {
		who = t.s.user
	}
	var rows [][]*string
	var err error
	if !t.s.own {
		if rows, err = t.s.see(ctx, tx, who, sql); t.s.seesAll || state(err) != insufficientPrivilege {
			return rows, err
		}
	}
	err = undone(ctx, tx, func(sp pgx.Tx) error {
		if err := t.s.step(ctx, sp, ""); err != nil {
			return err
		}
		if err := t.s.become(ctx, sp, who, Tenant{Context: t.Owner.Context}); err != nil {
			return err
		}
		var err error
		rows, err = query(ctx, sp, sql)
		return err
	})
	return rows, err
}

// version identifies the stored version of the row: it changes when the row is changed or moved, and is "" when the row is
// gone from its key. It is read from outside row security.
func (t *Target) version(ctx context.Context, tx pgx.Tx) (string, error) {
	return t.versionOf(ctx, tx, t.Row)
}

// versionOf is version for another row of the table.
func (t *Target) versionOf(ctx context.Context, tx pgx.Tx, row map[string]*string) (string, error) {
	rows, err := t.look(ctx, tx, fmt.Sprintf(
		"SELECT tableoid::text || ctid::text || xmin::text FROM %s WHERE %s", t.base, t.match(t.Key, row)))
	if err != nil {
		return "", fmt.Errorf("looking at the row from outside: %w", err)
	}
	if len(rows) == 0 {
		return "", nil
	}
	return *rows[0][0], nil
}

// changed runs f and reports whether the stored row is another one, or gone, afterwards.
func (t *Target) changed(ctx context.Context, tx pgx.Tx, f func() error) (bool, error) {
	before, err := t.version(ctx, tx)
	if err != nil {
		return false, err
	}
	if before == "" {
		return false, errNoRow
	}
	if err := f(); err != nil {
		if refused(err) {
			return false, nil
		}
		return false, err
	}
	after, err := t.version(ctx, tx)
	return before != after, err
}

// exists reports whether a row with these values is stored, seen from outside.
func (t *Target) exists(ctx context.Context, tx pgx.Tx, columns []string, row map[string]*string) (bool, error) {
	rows, err := t.look(ctx, tx, fmt.Sprintf(
		"SELECT 1 FROM %s WHERE %s LIMIT 1", tableName(t.Table.Relation), t.match(columns, row)))
	return len(rows) > 0, err
}

// stands reports whether a row that was given is stored, and is its tenant's: by its key and tenant columns, since triggers
// may change the others.
func (t *Target) stands(ctx context.Context, tx pgx.Tx, row map[string]*string) (bool, error) {
	var columns []string
	for _, c := range append(slices.Clone(t.Key), t.tenantColumns()...) {
		if _, ok := row[c]; ok && !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	return t.exists(ctx, tx, columns, row)
}

// insert is the statement that makes a row with these values.
func (t *Target) insert(row map[string]*string) string { return insertSQL(t.Relation, row) }

// insertSQL is an INSERT of a row in text form.
func insertSQL(relation string, row map[string]*string) string {
	if len(row) == 0 {
		return "INSERT INTO " + relation + " DEFAULT VALUES"
	}
	var names, values []string
	for _, c := range sortedKeys(row) {
		names, values = append(names, pg.Ident(c)), append(values, literal(row[c]))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE VALUES (%s)",
		relation, strings.Join(names, ", "), strings.Join(values, ", "))
}

// tableName quotes a relation's name.
func tableName(r *catalog.Relation) string { return pg.Ident(r.Schema, r.Name) }
