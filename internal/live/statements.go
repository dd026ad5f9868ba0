package live

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A Statement is what pg_stat_statements counted of one statement of one role.
type Statement struct {
	Role        string
	ID          int64
	Calls, Rows int64
	Millis      float64
	Blocks      int64
}

// StatementsSchema is the schema of pg_stat_statements in this database; empty: it is not installed.
func StatementsSchema(ctx context.Context, conn *pgx.Conn) (schema string, err error) {
	err = conn.QueryRow(ctx, `SELECT coalesce((SELECT n.nspname::text FROM pg_catalog.pg_extension AS x JOIN pg_catalog.pg_namespace AS n ON n.oid = x.extnamespace
		WHERE x.extname = 'pg_stat_statements'), '')`, pgx.QueryExecModeSimpleProtocol).Scan(&schema)
	if err != nil {
		return "", fmt.Errorf("looking for pg_stat_statements: %w", err)
	}
	return schema, nil
}

// Statements reads the counters of this database's statements, those called most, up to a number. roles, where given, are those whose
// statements are read. The texts are not read.
func Statements(ctx context.Context, conn *pgx.Conn, schema string, roles []string, most int) ([]Statement, error) {
	rows, err := conn.Query(ctx, fmt.Sprintf(`SELECT a.rolname::text, s.queryid, sum(s.calls)::int8, sum(s.rows)::int8, sum(s.total_exec_time)::float8, sum(s.shared_blks_hit + s.shared_blks_read)::int8
		FROM %s.pg_stat_statements(false) AS s JOIN pg_catalog.pg_roles AS a ON a.oid = s.userid
		WHERE s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) AND ($1::text[] IS NULL OR a.rolname = ANY ($1)) AND s.queryid IS NOT NULL
		GROUP BY 1, 2 ORDER BY 3 DESC LIMIT %d`, pg.Ident(schema), most), roles)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s Statement, err error) {
		return s, row.Scan(&s.Role, &s.ID, &s.Calls, &s.Rows, &s.Millis, &s.Blocks)
	})
}
