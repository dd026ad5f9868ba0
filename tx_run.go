package ringfence

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	defaultTries = 3
	firstPause   = 10 * time.Millisecond
	longestPause = time.Second
)

// RunTx runs fn in a transaction and commits it. Where the server asks for another try (40001, a serialization failure, or
// 40P01, a deadlock) it runs fn again, in a new transaction and after a pause, TxOptions.Tries times in all; fn must not do
// outside the transaction what may not happen twice. Where fn returns an error or panics, the transaction is rolled back.
func (p *Pool) RunTx(ctx context.Context, o TxOptions, fn func(*Tx) error) error {
	tries := o.Tries
	if tries <= 0 {
		tries = defaultTries
	}
	for try := 1; ; try++ {
		tx, err := p.BeginTx(ctx, o)
		if err != nil {
			return err
		}
		if err = runOnce(ctx, tx, fn); err == nil || !isTransient(err) {
			return err
		}
		if try == tries {
			return fmt.Errorf("running a transaction %d times: %w", tries, err)
		}
		if err := pause(ctx, try); err != nil {
			return err
		}
	}
}

// runOnce runs fn in a transaction and ends it, whatever fn does.
func runOnce(ctx context.Context, tx *Tx, fn func(*Tx) error) error {
	defer func() { _ = tx.Rollback(ctx) }() // after Commit it does nothing
	if err := fn(tx); err != nil {
		return err
	}
	if err := tx.Commit(ctx); err != nil && !errors.Is(err, pgx.ErrTxClosed) {
		return err
	}
	return nil
}

// isTransient reports whether the server asks for another try.
func isTransient(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && (fault.Code == "40001" || fault.Code == "40P01")
}

// pause waits before the next try: twice as long each time, and not all callers equally long.
func pause(ctx context.Context, try int) error {
	d := min(firstPause<<min(try-1, 10), longestPause)
	timer := time.NewTimer(d/2 + rand.N(d/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
