package ringfence

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
)

// Connector returns a connector for database/sql: sql.OpenDB(pool.Connector()). Every statement of that sql.DB runs as this
// pool's do, tenant from the call's context and in one round trip; its connections are no more than a handle on the pool,
// which goes on being the owner of the real ones, so that sql.Conn.Raw leads to nothing. Limit connections by the pool's
// options (pool_max_conns), not by the sql.DB's. Closing the sql.DB leaves the pool open.
func (p *Pool) Connector() driver.Connector { return sqlConnector{p} }

type sqlConnector struct{ pool *Pool }

// Connect implements driver.Connector. Nothing is sent.
func (c sqlConnector) Connect(context.Context) (driver.Conn, error) {
	return &sqlConn{pool: c.pool}, nil
}

// Driver implements driver.Connector.
func (c sqlConnector) Driver() driver.Driver { return sqlDriver{} }

// sqlDriver exists for sql.DB.Driver only.
type sqlDriver struct{}

// Open implements driver.Driver.
func (sqlDriver) Open(string) (driver.Conn, error) {
	return nil, errors.New("opening by name: use sql.OpenDB with Pool.Connector")
}

// sqlConn is what database/sql takes for a connection: a handle on the pool, and the transaction that is open on it.
type sqlConn struct {
	pool *Pool
	tx   *Tx // nil outside a transaction
}

var (
	_ driver.QueryerContext     = (*sqlConn)(nil)
	_ driver.ExecerContext      = (*sqlConn)(nil)
	_ driver.ConnBeginTx        = (*sqlConn)(nil)
	_ driver.ConnPrepareContext = (*sqlConn)(nil)
	_ driver.Pinger             = (*sqlConn)(nil)
	_ driver.NamedValueChecker  = (*sqlConn)(nil)
	_ driver.SessionResetter    = (*sqlConn)(nil)
)

// CheckNamedValue implements driver.NamedValueChecker: pgx encodes every type itself.
func (c *sqlConn) CheckNamedValue(v *driver.NamedValue) error {
	if v.Name != "" {
		return errors.New("running a statement: named arguments of database/sql are not supported; use $1 or pgx.NamedArgs")
	}
	return nil
}

// QueryContext implements driver.QueryerContext.
func (c *sqlConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	var r pgx.Rows
	var err error
	if c.tx != nil {
		r, err = c.tx.Query(ctx, query, values(args)...)
	} else {
		r, err = c.pool.Query(ctx, query, values(args)...)
	}
	if err != nil {
		return nil, err
	}
	return newSQLRows(r)
}

// ExecContext implements driver.ExecerContext.
func (c *sqlConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	exec := c.pool.Exec
	if c.tx != nil {
		exec = c.tx.Exec
	}
	tag, err := exec(ctx, query, values(args)...)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

func values(args []driver.NamedValue) []any {
	if len(args) == 0 {
		return nil
	}
	all := make([]any, len(args))
	for i, a := range args {
		all[i] = a.Value
	}
	return all
}

// isolations are database/sql's levels that PostgreSQL has.
var isolations = map[driver.IsolationLevel]pgx.TxIsoLevel{
	0: "", 1: pgx.ReadUncommitted, 2: pgx.ReadCommitted, 4: pgx.RepeatableRead, 5: pgx.RepeatableRead, 6: pgx.Serializable,
}

// BeginTx implements driver.ConnBeginTx. Nothing is sent before the first statement.
func (c *sqlConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if c.tx != nil {
		return nil, errors.New("beginning a transaction: one is open on this connection")
	}
	level, ok := isolations[o.Isolation]
	if !ok {
		return nil, errors.New("beginning a transaction: PostgreSQL has no such isolation level")
	}
	options := TxOptions{Isolation: level}
	if o.ReadOnly {
		options.Access = pgx.ReadOnly
	}
	tx, err := c.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	c.tx = tx
	return &sqlTx{conn: c, ctx: ctx}, nil
}

// Begin implements driver.Conn; database/sql calls BeginTx.
func (c *sqlConn) Begin() (driver.Tx, error) {
	return c.BeginTx(context.Background(), driver.TxOptions{})
}

// PrepareContext implements driver.ConnPrepareContext: the server prepares when the statement first runs, in the modes that
// prepare. What the pool refuses is refused here already.
func (c *sqlConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if _, _, err := c.pool.statement(ctx, "prepare", query, nil); err != nil {
		return nil, err
	}
	return &sqlStmt{conn: c, query: query}, nil
}

// Prepare implements driver.Conn; database/sql calls PrepareContext.
func (c *sqlConn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// Ping implements driver.Pinger.
func (c *sqlConn) Ping(ctx context.Context) error { return c.pool.Ping(ctx) }

// ResetSession implements driver.SessionResetter: a transaction that nobody ended is rolled back.
func (c *sqlConn) ResetSession(ctx context.Context) error { return c.abandon(ctx) }

// Close implements driver.Conn.
func (c *sqlConn) Close() error { return c.abandon(context.Background()) }

func (c *sqlConn) abandon(ctx context.Context) error {
	if c.tx == nil {
		return nil
	}
	err := c.tx.Rollback(ctx)
	c.tx = nil
	return err
}

// sqlTx ends the transaction of a connection.
type sqlTx struct {
	conn *sqlConn
	ctx  context.Context // that of BeginTx, which database/sql watches
}

// Commit implements driver.Tx.
func (t *sqlTx) Commit() error {
	tx := t.conn.tx
	t.conn.tx = nil
	return tx.Commit(t.ctx)
}

// Rollback implements driver.Tx.
func (t *sqlTx) Rollback() error { return t.conn.abandon(t.ctx) }

// sqlStmt is a statement's text with the connection it was prepared on.
type sqlStmt struct {
	conn  *sqlConn
	query string
}

// Close implements driver.Stmt.
func (s *sqlStmt) Close() error { return nil }

// NumInput implements driver.Stmt: the server counts.
func (s *sqlStmt) NumInput() int { return -1 }

// QueryContext implements driver.StmtQueryContext.
func (s *sqlStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// ExecContext implements driver.StmtExecContext.
func (s *sqlStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

var errOldCall = errors.New("running a prepared statement: call it with a context")

// Exec implements driver.Stmt.
func (s *sqlStmt) Exec([]driver.Value) (driver.Result, error) { return nil, errOldCall }

// Query implements driver.Stmt.
func (s *sqlStmt) Query([]driver.Value) (driver.Rows, error) { return nil, errOldCall }
