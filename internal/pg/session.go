package pg

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// SearchPath is what every transaction of ours runs with. pg_temp is named, and
// last, because PostgreSQL puts it first where it is not named.
const SearchPath = "pg_catalog, pg_temp"

// pinSession makes silent filtering an error and names unambiguous. By SET
// LOCAL: through a pooler a session's setting would reach other clients.
const pinSession = "SET LOCAL row_security = off; SET LOCAL search_path = " + SearchPath

// rollbackLimit bounds a rollback after the caller's context has ended.
const rollbackLimit = 10 * time.Second

// InCatalogTx runs fn in a read-only transaction that sees one moment
// (REPEATABLE READ), with row_security off and search_path pinned. It always
// rolls back: there is nothing to keep. fn's error is returned as it is.
func InCatalogTx(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	return inTx(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

// InWorkTx runs fn in a read-write transaction at READ COMMITTED, with
// row_security off and search_path pinned, and commits where fn returns nil.
// A *CommitError leaves it unknown whether the
// transaction took effect.
func InWorkTx(ctx context.Context, conn *pgx.Conn, fn func(pgx.Tx) error) error {
	return inTx(ctx, conn, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}, fn)
}

// CommitError is an error of COMMIT: whether the transaction took effect is
// not known unless the server refused it with an SQLSTATE.
type CommitError struct{ Err error }

func (e *CommitError) Error() string { return "committing: " + e.Err.Error() }

// Unwrap gives the cause.
func (e *CommitError) Unwrap() error { return e.Err }

func inTx(ctx context.Context, conn *pgx.Conn, opts pgx.TxOptions, fn func(pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, opts)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	// After a commit this does nothing; after a panic or an error it cleans up,
	// even when ctx has ended.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
		defer cancel()
		tx.Rollback(ctx)
	}()
	if err := pin(ctx, tx); err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	if opts.AccessMode == pgx.ReadOnly {
		return nil
	}
	if err := tx.Commit(ctx); err != nil {
		return &CommitError{Err: err}
	}
	return nil
}

// pin makes the settings and asserts that they hold.
func pin(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Conn().PgConn().Exec(ctx, pinSession).ReadAll(); err != nil {
		return fmt.Errorf("setting row_security and search_path: %w", err)
	}
	const check = "SELECT pg_catalog.current_setting('row_security'), pg_catalog.current_setting('search_path')"
	var rowSecurity, searchPath string
	err := tx.QueryRow(ctx, check, pgx.QueryExecModeSimpleProtocol).Scan(&rowSecurity, &searchPath)
	if err != nil {
		return fmt.Errorf("checking row_security and search_path: %w", err)
	}
	if rowSecurity != "off" || searchPath != SearchPath {
		return errors.New("checking row_security and search_path: the server took other values than were set")
	}
	return nil
}
