package ringfence

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// names are statements that have a name. Reading takes no lock.
type names struct {
	mu   sync.Mutex
	byID atomic.Pointer[map[string]string]
}

// get returns the statement of a name.
func (n *names) get(name string) (string, bool) {
	all := n.byID.Load()
	if all == nil {
		return "", false
	}
	sql, ok := (*all)[name]
	return sql, ok
}

// Prepare gives a statement a name, by which Query, QueryRow, Exec and batches run it on every connection; the same name
// with another statement is an error. The server prepares it when a connection runs it first, in the modes that prepare.
// Nothing is sent.
func (p *Pool) Prepare(name, sql string) error {
	if name == "" {
		return errors.New("preparing a statement: it has no name")
	}
	if err := checkStatement(sql, p.names); err != nil {
		return fmt.Errorf("preparing %q: %w", name, err)
	}
	p.prepared.mu.Lock()
	defer p.prepared.mu.Unlock()
	all := map[string]string{}
	if old := p.prepared.byID.Load(); old != nil {
		all = maps.Clone(*old)
	}
	if other, ok := all[name]; ok && other != sql {
		return fmt.Errorf("preparing %q: the name has another statement", name)
	}
	all[name] = sql
	p.prepared.byID.Store(&all)
	return nil
}

// statement returns what is to be sent for a caller's statement: names and rewriters resolved first, so that what is
// looked at is what is sent.
func (p *Pool) statement(ctx context.Context, operation, sql string, args []any) (string, []any, error) {
	if prepared, ok := p.prepared.get(sql); ok {
		sql = prepared
	}
	if len(args) > 0 {
		var err error
		if sql, args, err = rewrite(ctx, sql, args); err != nil {
			return "", nil, err
		}
	}
	if err := checkStatement(sql, p.names); err != nil {
		return "", nil, p.refuse(ctx, event(ctx, ControlForbidden, map[string]string{"operation": operation, "reason": err.Error()}), err)
	}
	return sql, args, nil
}

// rewrite applies what stands before the arguments.
func rewrite(ctx context.Context, sql string, args []any) (string, []any, error) {
	switch first := args[0].(type) {
	case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
		return "", nil, fmt.Errorf("running a statement: %T among the arguments: the query mode is the pool's", first)
	case pgx.QueryRewriter:
		sql, args, err := first.RewriteQuery(ctx, nil, sql, args[1:])
		if err != nil {
			return "", nil, fmt.Errorf("rewriting a statement: %w", err)
		}
		if len(args) > 0 {
			switch again := args[0].(type) {
			case pgx.QueryRewriter, pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
				return "", nil, fmt.Errorf("rewriting a statement: its first argument is a %T again", again)
			}
		}
		return sql, args, nil
	}
	return sql, args, nil
}
