package ringfence

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

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
