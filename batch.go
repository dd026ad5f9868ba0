package ringfence

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// SendBatch runs a batch in a transaction of its own, in one round trip when warm. The results are to be closed: Close runs
// the callbacks that were not reached, reads every result and COMMIT's, and returns the first error. The batch is kept only
// where Close returns nil. Results carry no transaction: pgx.Batch.BeginTx is refused as transaction control.
func (p *Pool) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	s, err := p.scope(ctx, "batch")
	if err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	f := p.flight("begin", s, b.Len())
	if err := p.load(ctx, f, b); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	f.queue("commit", nil)
	conn, err := p.acquire(ctx, p.conns)
	if err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	br := &batchResults{rows: rows{pool: p, conn: conn, ctx: ctx, operation: "batch", tenant: s.tenant, commits: true}, batch: b}
	br.results, br.first = f.send(ctx, conn)
	return br
}

// load looks at a batch's statements and queues them.
func (p *Pool) load(ctx context.Context, f *flight, b *pgx.Batch) error {
	for _, q := range b.QueuedQueries {
		sql, args, err := p.statement(ctx, "batch", q.SQL, q.Arguments)
		if err != nil {
			return err
		}
		f.queue(sql, args)
	}
	return nil
}

// SendBatch runs a batch in the transaction, in one round trip when warm. The results are to be closed before the next
// statement.
func (t *Tx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if err := t.admit(ctx, "batch"); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	own := t.root()
	f := &flight{}
	if own.conn == nil {
		f = t.pool.flight(own.begin, own.scope, b.Len())
	}
	if err := t.pool.load(ctx, f, b); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	if _, err := own.connect(ctx); err != nil {
		return pgx.FailedBatchResults(&pgx.Batch{}, err)
	}
	br := &batchResults{rows: rows{pool: t.pool, ctx: ctx, operation: "batch", tenant: own.scope.tenant}, batch: b}
	br.results, br.first = f.send(ctx, own.conn)
	return br
}

// batchResults are the results of a caller's batch. The embedded rows hold what is to be done at the end.
type batchResults struct {
	rows
	batch *pgx.Batch
	at    int   // statements whose result was asked for
	first error // the first error
}

// Exec implements pgx.BatchResults.
func (b *batchResults) Exec() (pgconn.CommandTag, error) {
	if err := b.advance(); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := b.results.Exec()
	return tag, b.note(err)
}

// Query implements pgx.BatchResults.
func (b *batchResults) Query() (pgx.Rows, error) {
	if err := b.advance(); err != nil {
		return failedRows(err), err
	}
	inner, err := b.results.Query()
	if err != nil {
		err = b.note(err)
		return failedRows(err), err
	}
	return &rows{inner: inner, pool: b.pool, ctx: b.ctx, operation: b.operation, tenant: b.tenant}, nil
}

// QueryRow implements pgx.BatchResults.
func (b *batchResults) QueryRow() pgx.Row {
	rows, err := b.Query()
	return &row{rows: rows, err: err}
}

// advance moves to the next statement's result.
func (b *batchResults) advance() error {
	switch {
	case b.first != nil:
		return b.note(b.first)
	case b.closed || b.at >= b.batch.Len():
		return errBatchEnded
	}
	b.at++
	return nil
}

// note keeps the first error.
func (b *batchResults) note(err error) error {
	if err != nil {
		b.first = b.pool.outcome(b.ctx, b.operation, b.tenant, err)
	}
	return err
}

// Close implements pgx.BatchResults.
func (b *batchResults) Close() error {
	if b.closed {
		return b.err
	}
	for b.first == nil && b.at < b.batch.Len() {
		if fn := b.batch.QueuedQueries[b.at].Fn; fn != nil {
			b.first = fn(b)
		} else {
			_, _ = b.Exec()
		}
	}
	err := b.first
	if err == nil && b.commits {
		err = readCommit(b.results)
	}
	b.end(err)
	return b.err
}

// Tx implements pgx.BatchResults: a batch hands out no transaction.
func (b *batchResults) Tx() pgx.Tx { return nil }
