// Package ended tells the errors of statements that did not run, since their connection had ended while it lay in a pool: behind
// a restart of the database all of them have, and a call that can be made again goes through on a fresh one.
package ended

import (
	"errors"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"
)

// Most is how many connections of one pool may turn out to have ended before a call gives up.
const Most = 8

// Again calls f until it fails for another reason than an ended connection, or Most have.
func Again(f func() error) (err error) {
	for range Most {
		if err = f(); !Before(err) {
			return err
		}
	}
	return err
}

// Before reports whether a statement was not run: nothing of it was sent, or the server said that it was ending the connection
// and rolled back what had begun.
func Before(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return slices.Contains([]string{"57P01", "57P02"}, said.Code) // admin_shutdown, crash_shutdown
	}
	return pgconn.SafeToRetry(err)
}
