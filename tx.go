package ringfence

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// TxOptions are a transaction's own. The zero value is the server's default.
type TxOptions struct {
	Isolation  pgx.TxIsoLevel
	Access     pgx.TxAccessMode
	Deferrable pgx.TxDeferrableMode
	// Tries is how often RunTx runs its function at most; zero is 3.
	Tries int
}

// beginSQL returns the statement that begins such a transaction. The options are words of pgx's, not text of anybody's.
func (o TxOptions) beginSQL() (string, error) {
	sql := "begin"
	switch o.Isolation {
	case "":
	case pgx.Serializable, pgx.RepeatableRead, pgx.ReadCommitted, pgx.ReadUncommitted:
		sql += " isolation level " + string(o.Isolation)
	default:
		return "", errors.New("beginning a transaction: unknown isolation level")
	}
	switch o.Access {
	case "":
	case pgx.ReadOnly, pgx.ReadWrite:
		sql += " " + string(o.Access)
	default:
		return "", errors.New("beginning a transaction: unknown access mode")
	}
	switch o.Deferrable {
	case "":
	case pgx.Deferrable, pgx.NotDeferrable:
		sql += " " + string(o.Deferrable)
	default:
		return "", errors.New("beginning a transaction: unknown deferrable mode")
	}
	return sql, nil
}

// Tx is a transaction of one tenant: that of the context it was begun with. A later call's context may carry no tenant or
// the same one; another one is refused. Nothing is sent before the first statement, with which BEGIN and the context
// travel. It is not safe for concurrent use, and is to be ended by Commit or Rollback.
type Tx struct {
	pool       *Pool
	conns      *pgxpool.Pool
	scope      scope
	begin      string
	conn       *pgxpool.Conn // nil before the first statement
	parent     *Tx           // of a savepoint
	savepoint  string
	depth      int
	allTenants bool
	closed     bool
}

// Begin begins a transaction with the server's default options.
func (p *Pool) Begin(ctx context.Context) (*Tx, error) { return p.BeginTx(ctx, TxOptions{}) }

// BeginTx begins a transaction. Nothing is sent yet.
func (p *Pool) BeginTx(ctx context.Context, o TxOptions) (*Tx, error) {
	begin, err := o.beginSQL()
	if err != nil {
		return nil, err
	}
	s, err := p.scope(ctx, "begin")
	if err != nil {
		return nil, err
	}
	return &Tx{pool: p, conns: p.conns, scope: s, begin: begin}, nil
}

// root is the transaction that a savepoint stands in.
func (t *Tx) root() *Tx {
	for t.parent != nil {
		t = t.parent
	}
	return t
}

// admit looks whether a call may use the transaction.
func (t *Tx) admit(ctx context.Context, operation string) error {
	for at := t; at != nil; at = at.parent {
		if at.closed {
			return pgx.ErrTxClosed
		}
	}
	tenant, err := TenantFrom(ctx)
	if own := t.root(); err == nil && !own.allTenants && tenant != own.scope.tenant {
		e := event(ctx, CrossTenant, map[string]string{"operation": operation, "reason": "a transaction of another tenant"})
		e.AttemptedTenant = own.scope.text
		return t.pool.refuse(ctx, e, errors.New("using another tenant's transaction"))
	}
	return nil
}

// connect takes a connection for the first statement, and reports whether it is the first.
func (t *Tx) connect(ctx context.Context) (first bool, err error) {
	if t.conn != nil {
		return false, nil
	}
	t.conn, err = t.pool.acquire(ctx, t.conns)
	return true, err
}

// Query runs a statement in the transaction. The rows are to be closed before the next statement.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	sql, args, err := t.prepare(ctx, "query", sql, args)
	if err != nil {
		return failedRows(err), err
	}
	return t.query(ctx, "query", sql, args)
}

// prepare looks at the call and its statement.
func (t *Tx) prepare(ctx context.Context, operation, sql string, args []any) (string, []any, error) {
	if err := t.admit(ctx, operation); err != nil {
		return "", nil, err
	}
	return t.pool.statement(ctx, operation, sql, args)
}

func (t *Tx) query(ctx context.Context, operation, sql string, args []any) (pgx.Rows, error) {
	own := t.root()
	first, err := own.connect(ctx)
	if err != nil {
		return failedRows(err), err
	}
	r := &rows{pool: t.pool, ctx: ctx, operation: operation, tenant: own.scope.tenant}
	if !first {
		r.inner, err = own.conn.Conn().Query(ctx, sql, args...)
		if err != nil {
			r.end(err)
		}
		return r, r.err
	}
	f := t.pool.flight(own.begin, own.scope, 1)
	f.queue(sql, args)
	r.conn = own.conn // to start; the transaction keeps it
	r.results, err = f.send(ctx, own.conn)
	r.conn = nil
	if err == nil {
		r.inner, err = r.results.Query()
	}
	if err != nil {
		r.end(err)
	}
	return r, r.err
}

// QueryRow is Query for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := t.Query(ctx, sql, args...)
	return &row{rows: rows, err: err}
}

// Exec runs a statement in the transaction.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	sql, args, err := t.prepare(ctx, "exec", sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return t.exec(ctx, sql, args)
}

func (t *Tx) exec(ctx context.Context, sql string, args []any) (pgconn.CommandTag, error) {
	rows, err := t.query(ctx, "exec", sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	rows.Close()
	return rows.CommandTag(), rows.Err()
}

// Begin sets a savepoint: a transaction inside this one, whose Commit releases it and whose Rollback goes back to it.
func (t *Tx) Begin(ctx context.Context) (*Tx, error) {
	if err := t.admit(ctx, "savepoint"); err != nil {
		return nil, err
	}
	inner := &Tx{pool: t.pool, parent: t, depth: t.depth + 1, savepoint: "ringfence_" + strconv.Itoa(t.depth+1)}
	if _, err := t.exec(ctx, "savepoint "+inner.savepoint, nil); err != nil {
		return nil, fmt.Errorf("setting a savepoint: %w", err)
	}
	return inner, nil
}

// Commit ends the transaction and keeps what it did, or releases the savepoint. Where nothing was sent yet, nothing is. An
// error means that nothing was kept, or that it is not known: the connection broke before the answer was read.
func (t *Tx) Commit(ctx context.Context) error {
	if err := t.admit(ctx, "commit"); err != nil {
		return err
	}
	if t.parent != nil {
		t.closed = true
		_, err := t.parent.exec(ctx, "release savepoint "+t.savepoint, nil)
		return err
	}
	t.closed = true
	if t.conn == nil {
		return nil
	}
	tag, err := t.conn.Conn().Exec(ctx, "commit")
	if err == nil {
		err = committed(tag)
	}
	t.pool.giveBack(t.conn)
	return t.pool.outcome(ctx, "commit", t.scope.tenant, err)
}

// Rollback ends the transaction and undoes what it did, or goes back to the savepoint; after Commit it does nothing and
// returns pgx.ErrTxClosed, so that it can be deferred. It works with a context that has ended: what cannot be rolled back
// in time is hung up, which the server takes for a roll-back.
func (t *Tx) Rollback(ctx context.Context) error {
	if t.closed {
		return pgx.ErrTxClosed
	}
	t.closed = true
	if t.parent != nil {
		return t.rollbackTo(ctx)
	}
	if t.conn != nil {
		t.pool.giveBack(t.conn)
	}
	return nil
}

func (t *Tx) rollbackTo(ctx context.Context) error {
	if err := t.parent.admit(ctx, "rollback"); err != nil {
		return err
	}
	_, err := t.parent.exec(ctx, "rollback to savepoint "+t.savepoint, nil)
	return err
}

// String tells the transaction's options, for logs; never its tenant.
func (t *Tx) String() string { return strings.TrimSpace("transaction " + t.begin) }
