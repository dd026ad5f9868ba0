package ringfence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrRolledBack says that COMMIT was answered by a roll-back: nothing was kept.
var ErrRolledBack = pgx.ErrTxCommitRollback

// Pool is a pool of connections on which every statement runs in a transaction that has set the tenant of the call's
// context. It has no way to the connections themselves. It is safe for concurrent use.
//
// A warm single statement or batch is one round trip; a transaction of n statements n + 1. Without a tenant in the context
// a call is refused before anything is sent, and so is a statement that would end the transaction, change the session or
// set the context. What cannot be seen in a statement's text is not caught: what functions, procedures and DO blocks do
// inside. A signed context (Config.Signer) holds against these too.
//
// Query and QueryRow, Exec, SendBatch and CopyFrom have the signatures of pgx, so that generated code takes a Pool or a Tx.
// Options of pgx among the arguments (query modes, result formats) are refused; a pgx.QueryRewriter such as pgx.NamedArgs
// is applied before the statement is looked at, and gets no connection.
type Pool struct {
	cfg        Config
	log        *slog.Logger
	conns      *pgxpool.Pool
	service    *pgxpool.Pool // nil without ServiceDSN
	names      []string      // the settings that hold the context
	setContext string
	prepared   names
	state      atomic.Pointer[CheckReport]
	pooler     PoolerReport
	stop       context.CancelFunc
	watching   chan struct{}
}

// Open connects, looks whether a pooler is in the way, chooses how statements are run, and makes Check. A fault of the role
// is a Refusal (RoleForbidden) whose cause says what to run.
func Open(ctx context.Context, cfg Config) (*Pool, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	p := &Pool{cfg: cfg, log: cfg.logger(), names: cfg.settings(), setContext: cfg.contextSQL(), watching: make(chan struct{})}
	if p.cfg.CheckEvery <= 0 {
		p.cfg.CheckEvery = time.Minute
	}
	pool, err := cfg.parse(cfg.DSN)
	if err != nil {
		return nil, err
	}
	if err := p.meet(ctx, pool.ConnConfig); err != nil {
		return nil, err
	}
	pool.AfterConnect = p.admit
	if p.conns, err = pgxpool.NewWithConfig(ctx, pool); err != nil {
		return nil, fmt.Errorf("opening a pool: %w", err)
	}
	if cfg.ServiceDSN != "" {
		if err := p.openService(ctx); err != nil {
			p.conns.Close()
			return nil, err
		}
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	go p.watch(watch)
	return p, nil
}

func (p *Pool) openService(ctx context.Context) error {
	cfg, err := p.cfg.parse(p.cfg.ServiceDSN)
	if err != nil {
		return err
	}
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe // right behind every pooler; nothing here is hot
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	cfg.AfterConnect = p.loadTypes
	if p.service, err = pgxpool.NewWithConfig(ctx, cfg); err != nil {
		return fmt.Errorf("opening the service role's pool: %w", err)
	}
	return nil
}

// Close waits until all connections are given back and closes them.
func (p *Pool) Close() {
	p.stop()
	<-p.watching
	p.conns.Close()
	if p.service != nil {
		p.service.Close()
	}
}

// Stat tells of the connections in use.
func (p *Pool) Stat() *pgxpool.Stat { return p.conns.Stat() }

// Mode is how statements are run: Config.Mode, or what Open chose.
func (p *Pool) Mode() pgx.QueryExecMode { return p.pooler.Mode }

// Ping reports whether the server answers and the role may be served. It needs no tenant.
func (p *Pool) Ping(ctx context.Context) error {
	if err := p.serving(ctx); err != nil {
		return err
	}
	return p.conns.Ping(ctx)
}

// scope is what a transaction's context is set to; the zero scope is no tenant.
type scope struct {
	tenant Tenant
	text   string
	token  string
}

// scope takes the tenant from the context, or refuses. No I/O but the refusal's record.
func (p *Pool) scope(ctx context.Context, operation string) (scope, error) {
	t, err := TenantFrom(ctx)
	if err != nil {
		return scope{}, p.refuse(ctx, event(ctx, NoContext, map[string]string{"operation": operation}), err)
	}
	if err := p.serving(ctx); err != nil {
		return scope{}, err
	}
	return p.scopeOf(t)
}

func (p *Pool) scopeOf(t Tenant) (scope, error) {
	s := scope{tenant: t, text: t.String()}
	if p.cfg.Signer != nil && t.Valid() {
		token, err := p.cfg.Signer.SignTenant(t, time.Now())
		if err != nil {
			return scope{}, fmt.Errorf("signing the tenant context: %w", err)
		}
		s.token = token
	}
	return s, nil
}

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

// acquire takes a connection out of a pool.
func (p *Pool) acquire(ctx context.Context, from *pgxpool.Pool) (*pgxpool.Conn, error) {
	conn, err := from.Acquire(ctx)
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return nil, refusal
		}
		return nil, fmt.Errorf("taking a connection: %w", err)
	}
	return conn, nil
}

// rollbackLimit bounds the roll-back of what the caller has left or can no longer wait for.
const rollbackLimit = 5 * time.Second

// giveBack returns a connection to its pool: idle and without a transaction, or closed.
func (p *Pool) giveBack(conn *pgxpool.Conn) {
	c := conn.Conn()
	if status := c.PgConn().TxStatus(); status != 'I' && !c.IsClosed() {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackLimit)
		defer cancel()
		// Without arguments this goes by the simple protocol, whatever the mode.
		if _, err := c.Exec(ctx, "rollback"); err != nil || c.PgConn().TxStatus() != 'I' {
			cancel()
			_ = c.Close(ctx) // the deadline has passed: this hangs up at once
		}
	}
	conn.Release()
}
