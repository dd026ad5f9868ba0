package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// A server that was made from a base backup of another one has its system identifier, and its databases have their names and numbers. What
// tells them apart is a mark that is written into each stage's database when the rollout is begun.

// NewMark makes a mark that nothing else has.
func NewMark() string { return strings.ToLower(rand.Text()[:16]) }

// Mark writes the database's mark, once.
func (d *Database) Mark(ctx context.Context, mark string) error {
	conn, err := d.conn(ctx)
	if err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, `INSERT INTO ringfence.rollout_mark (rollout, mark) VALUES ($1, $2) ON CONFLICT DO NOTHING`, d.Rollout, mark); err != nil {
		return fmt.Errorf("marking the database: %w", err)
	}
	return nil
}

// MarkOf reads a database's mark; "" where it has none.
func MarkOf(ctx context.Context, conn *pgx.Conn, rollout string) (mark string, err error) {
	err = conn.QueryRow(ctx, `SELECT mark FROM ringfence.rollout_mark WHERE rollout = $1`, rollout).Scan(&mark)
	if state := pg.SQLState(err); errors.Is(err, pgx.ErrNoRows) || state == "42P01" || state == "3F000" {
		return "", nil
	}
	return mark, err
}

// SameDatabase reports whether two sessions are in one database of one server: a lock that one of them has taken, the other one does not get.
func SameDatabase(ctx context.Context, a, b *pgx.Conn) (bool, error) {
	var key int64
	if err := a.QueryRow(ctx, "SELECT pg_catalog.hashtextextended(pg_catalog.gen_random_uuid()::pg_catalog.text, 0)").Scan(&key); err != nil {
		return false, fmt.Errorf("telling two databases apart: %w", err)
	}
	var got [2]bool
	for i, conn := range []*pgx.Conn{a, b} {
		if err := conn.QueryRow(ctx, "SELECT pg_catalog.pg_try_advisory_lock($1)", key).Scan(&got[i]); err != nil {
			return false, fmt.Errorf("telling two databases apart: %w", err)
		}
	}
	for i, conn := range []*pgx.Conn{a, b} {
		if !got[i] {
			continue
		}
		if _, err := conn.Exec(ctx, "SELECT pg_catalog.pg_advisory_unlock($1)", key); err != nil {
			return false, fmt.Errorf("telling two databases apart: %w", err)
		}
	}
	return got[0] && !got[1], nil
}
