package trail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// Postgres is the Store in PostgreSQL: the table that "ringfence apply" makes, behind its definer function. Its session needs
// nothing but EXECUTE on that function: the role that ships events can neither read nor change what was shipped.
//
// It is safe for concurrent use; calls take turns on one connection, which is made at the first call and again after an error.
type Postgres struct {
	connect func(context.Context) (*pgx.Conn, error)

	turn chan struct{} // of room for one; taken with the caller's context, so that no deadline waits behind another's
	conn *pgx.Conn
}

// NewPostgres returns a store that connects by connect, as the trail's writer. No connection is made yet. It works through PgBouncer in
// transaction mode: nothing is prepared, and every call is one transaction in one round trip.
func NewPostgres(connect func(context.Context) (*pgx.Conn, error)) *Postgres {
	return &Postgres{connect: connect, turn: make(chan struct{}, 1)}
}

// errNotCommitted says that the server ended the transaction otherwise.
var errNotCommitted = errors.New("the server rolled the batch back")

// chunk is how many events one call of the append function takes; a larger batch is several calls in one transaction.
const chunk = 5000

// The statements of a batch. The settings are local to its transaction: commits are on disk at least here, and a backend whose client
// has gone does not wait for locks for ever.
const (
	beginSQL    = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
	settingsSQL = "SELECT pg_catalog.set_config('synchronous_commit', CASE WHEN pg_catalog.current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')" +
		" THEN 'on' ELSE pg_catalog.current_setting('synchronous_commit') END, true)," +
		" pg_catalog.set_config('lock_timeout', '10s', true), pg_catalog.set_config('statement_timeout', '60s', true)"
	appendSQL = "SELECT stored_id, stored_hash FROM " + trailsql.Schema + ".trail_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
)

// Append implements Store. Repeating a batch whose commit was ambiguous is safe: the function compares nothing away, it tells what
// stands under each key.
func (p *Postgres) Append(ctx context.Context, batch []Event) ([]Stored, error) {
	if len(batch) == 0 {
		return nil, nil
	}
	add := func(b *pgconn.Batch) {
		for part := range slices.Chunk(batch, chunk) {
			b.ExecParams(appendSQL, encodeBatch(part), appendOIDs, binary1, binary1)
		}
	}
	stored := make([]Stored, 0, len(batch))
	err := p.transact(ctx, add, func(values [][]byte) error {
		var s Stored
		if len(values) != 2 || len(values[0]) != len(s.Row) || len(values[1]) != len(s.Hash) {
			return errors.New("the append function gave an unexpected row")
		}
		copy(s.Row[:], values[0])
		copy(s.Hash[:], values[1])
		stored = append(stored, s)
		return nil
	})
	if err == nil && len(stored) != len(batch) {
		err = fmt.Errorf("the append function told of %d events of %d", len(stored), len(batch))
	}
	for i := range stored {
		if err == nil && stored[i].Row != batch[i].Row {
			err = errors.New("the append function gave another order")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("appending %d events to the trail: %w", len(batch), err)
	}
	return stored, nil
}

// transact sends the statements of a batch as one transaction in one round trip. After an error the connection is given up: what
// became of the transaction is then not known.
func (p *Postgres) transact(ctx context.Context, add func(*pgconn.Batch), row func([][]byte) error) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if p.conn == nil || p.conn.IsClosed() {
		conn, err := p.connect(ctx)
		if err != nil {
			return err
		}
		p.conn = conn
	}
	err := sendTransaction(ctx, p.conn.PgConn(), add, row)
	if err != nil {
		p.drop(ctx)
	}
	return err
}

func sendTransaction(ctx context.Context, conn *pgconn.PgConn, add func(*pgconn.Batch), row func([][]byte) error) error {
	b := &pgconn.Batch{}
	b.ExecParams(beginSQL, nil, nil, nil, nil)
	b.ExecParams(settingsSQL, nil, nil, nil, nil)
	add(b)
	b.ExecParams("COMMIT", nil, nil, nil, nil)
	results := conn.ExecBatch(ctx, b)
	var failed error
	last := ""
	for n := 0; results.NextResult(); n++ {
		r := results.ResultReader()
		for r.NextRow() {
			if failed == nil && n >= 2 {
				failed = row(r.Values())
			}
		}
		tag, err := r.Close()
		if err != nil && failed == nil {
			failed = err
		}
		last = tag.String()
	}
	if err := results.Close(); err != nil {
		return err
	}
	if failed == nil && last != "COMMIT" {
		return errNotCommitted
	}
	return failed
}

// drop gives the connection up.
func (p *Postgres) drop(ctx context.Context) {
	if p.conn != nil {
		p.conn.Close(ctx)
		p.conn = nil
	}
}

// Close ends the connection. A later call makes a new one.
func (p *Postgres) Close(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	p.drop(ctx)
	return nil
}
