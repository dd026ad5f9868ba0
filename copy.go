package ringfence

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// insertChunk is how many rows travel together where COPY is not possible.
const insertChunk = 256

// CopyFrom loads rows in a transaction of its own. See Tx.CopyFrom.
func (p *Pool) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	tx, err := p.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback(ctx) }() // after Commit it does nothing
	n, err := tx.CopyFrom(ctx, table, columns, source)
	if err != nil {
		return 0, err
	}
	return n, tx.Commit(ctx)
}

// CopyFrom loads rows: by COPY, or, since PostgreSQL has no COPY FROM for tables whose policies hold the role, by
// INSERT, some hundred rows a round trip. It asks the server first which it is.
func (t *Tx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	if err := t.admit(ctx, "copy"); err != nil {
		return 0, err
	}
	if len(columns) == 0 {
		return 0, fmt.Errorf("copying rows: no columns")
	}
	held, err := t.isHeld(ctx, table)
	if err != nil {
		return 0, err
	}
	if held {
		return t.insertRows(ctx, table, columns, source)
	}
	own := t.root()
	n, err := own.conn.Conn().CopyFrom(ctx, table, columns, source)
	return n, t.pool.outcome(ctx, "copy", own.scope.tenant, err)
}

// isHeld reports whether policies hold the role on a table.
func (t *Tx) isHeld(ctx context.Context, table pgx.Identifier) (held bool, err error) {
	rows, err := t.query(ctx, "copy", "select pg_catalog.row_security_active($1)", []any{table.Sanitize()})
	if err != nil {
		return false, err
	}
	return held, (&row{rows: rows}).Scan(&held)
}

func (t *Tx) insertRows(ctx context.Context, table pgx.Identifier, columns []string, source pgx.CopyFromSource) (int64, error) {
	sql := insertSQL(table, columns)
	var total int64
	b := &pgx.Batch{}
	for source.Next() {
		values, err := source.Values()
		if err != nil {
			return 0, err
		}
		b.Queue(sql, append([]any(nil), values...)...) // a source may use its slice again
		if b.Len() < insertChunk {
			continue
		}
		if err := t.SendBatch(ctx, b).Close(); err != nil {
			return 0, err
		}
		total += int64(b.Len())
		b = &pgx.Batch{}
	}
	if err := source.Err(); err != nil {
		return 0, err
	}
	if b.Len() == 0 {
		return total, nil
	}
	if err := t.SendBatch(ctx, b).Close(); err != nil {
		return 0, err
	}
	return total + int64(b.Len()), nil
}

func insertSQL(table pgx.Identifier, columns []string) string {
	names, values := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i], values[i] = pgx.Identifier{c}.Sanitize(), "$"+strconv.Itoa(i+1)
	}
	return "insert into " + table.Sanitize() + " (" + strings.Join(names, ",") + ") values (" + strings.Join(values, ",") + ")"
}
