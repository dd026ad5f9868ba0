package ringfence

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Query runs one statement in a transaction of its own. The rows are to be closed; their Err carries the error of COMMIT,
// and tells only then that the statement's effect is kept.
func (p *Pool) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	s, err := p.scope(ctx, "query")
	if err != nil {
		return failedRows(err), err
	}
	if sql, args, err = p.statement(ctx, "query", sql, args); err != nil {
		return failedRows(err), err
	}
	return p.query(ctx, "query", s, sql, args)
}

// QueryRow is Query for one row. Its Scan returns after COMMIT was read, with COMMIT's error where there is one.
func (p *Pool) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := p.Query(ctx, sql, args...)
	return &row{rows: rows, err: err}
}

// Exec runs one statement in a transaction of its own and returns after COMMIT was read.
func (p *Pool) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	s, err := p.scope(ctx, "exec")
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	if sql, args, err = p.statement(ctx, "exec", sql, args); err != nil {
		return pgconn.CommandTag{}, err
	}
	conn, err := p.acquire(ctx, p.conns)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	if c := courierOf(conn); c != nil {
		r, _ := p.carry(ctx, conn, c, "exec", s, true, sql, args)
		r.Close()
		return r.tag, r.err
	}
	f := p.flight(beginDefault, s, 1)
	f.queue(sql, args)
	f.queue(commit, nil)
	tag, err := f.exec(ctx, conn)
	p.giveBack(conn)
	return tag, p.outcome(ctx, "exec", s.tenant, err)
}

// query sends one statement with its context, and leaves its rows to be read.
func (p *Pool) query(ctx context.Context, operation string, s scope, sql string, args []any) (pgx.Rows, error) {
	conn, err := p.acquire(ctx, p.conns)
	if err != nil {
		return failedRows(err), err
	}
	explicit := p.cfg.Transaction == Explicit || !isRead(sql)
	if c := courierOf(conn); c != nil {
		return p.carry(ctx, conn, c, operation, s, explicit, sql, args)
	}
	begin := ""
	if explicit {
		begin = beginDefault
	}
	f := p.flight(begin, s, 1)
	f.queue(sql, args)
	if explicit {
		f.queue(commit, nil)
	}
	r := &rows{pool: p, conn: conn, ctx: ctx, operation: operation, tenant: s.tenant, commits: explicit}
	r.start(f)
	return r, r.err
}
