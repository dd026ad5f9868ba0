package ringfence

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrRolledBack says that COMMIT was answered by a roll-back: nothing was kept.
var ErrRolledBack = pgx.ErrTxCommitRollback

// flight is what travels together: BEGIN, the context, the caller's statements and COMMIT, up to one Sync. Behind a pooler
// in transaction mode all of it reaches one server process.
type flight struct {
	batch pgx.Batch
	items [4]pgx.QueuedQuery
	list  [4]*pgx.QueuedQuery
	args  [2]any
	used  int
	head  int // results before the caller's own
}

// flight begins a flight: with a BEGIN where there is one, and with the context. n is how many statements will follow.
func (p *Pool) flight(begin string, s scope, n int) *flight {
	f := &flight{}
	f.batch.QueuedQueries = f.list[:0]
	if n+3 > len(f.list) {
		f.batch.QueuedQueries = make([]*pgx.QueuedQuery, 0, n+3)
	}
	if begin != "" {
		f.queue(begin, nil)
	}
	f.args[0], f.args[1] = s.text, s.token
	if p.cfg.Signer != nil {
		f.queue(p.setContext, f.args[:2])
	} else {
		f.queue(p.setContext, f.args[:1])
	}
	f.head = f.batch.Len()
	return f
}

// queue adds one statement.
func (f *flight) queue(sql string, args []any) {
	var q *pgx.QueuedQuery
	if f.used < len(f.items) {
		q = &f.items[f.used]
		f.used++
	} else {
		q = &pgx.QueuedQuery{}
	}
	q.SQL, q.Arguments = sql, args
	f.batch.QueuedQueries = append(f.batch.QueuedQueries, q)
}

// send sends the flight and reads the results before the caller's own. The results are to be closed, whatever the error.
func (f *flight) send(ctx context.Context, conn *pgxpool.Conn) (pgx.BatchResults, error) {
	results := conn.Conn().SendBatch(ctx, &f.batch)
	for range f.head {
		if _, err := results.Exec(); err != nil {
			return results, err
		}
	}
	return results, nil
}

// exec sends a flight of one statement and COMMIT, and reads every result: the statement's tag, and the first error.
func (f *flight) exec(ctx context.Context, conn *pgxpool.Conn) (pgconn.CommandTag, error) {
	results, err := f.send(ctx, conn)
	var tag pgconn.CommandTag
	if err == nil {
		if tag, err = results.Exec(); err == nil {
			err = readCommit(results)
		}
	}
	return tag, finish(results, err)
}

// readCommit reads the answer to COMMIT, which is only one where it says COMMIT.
func readCommit(results pgx.BatchResults) error {
	tag, err := results.Exec()
	if err != nil {
		return err
	}
	return committed(tag)
}

func committed(tag pgconn.CommandTag) error {
	switch tag.String() {
	case "COMMIT":
		return nil
	case "ROLLBACK":
		return ErrRolledBack
	}
	return fmt.Errorf("committing: the server answered %q", tag.String())
}

// finish reads to the end and returns the first error.
func finish(results pgx.BatchResults, first error) error {
	if err := results.Close(); first == nil {
		return err
	}
	return first
}

var (
	errRowsEnded   = errors.New("reading rows: they have ended")
	errBatchEnded  = errors.New("reading a batch: it has no more results")
	errDriverBytes = errors.New("scanning a row: *pgtype.DriverBytes would point into memory that is used again")
)
