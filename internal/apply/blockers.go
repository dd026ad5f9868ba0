package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// A Blocker is a session, or a prepared transaction, that a step waits for. It holds no query text, which could hold
// data: QueryID is PostgreSQL's own fingerprint of it, where the server computes one.
type Blocker struct {
	PID         int32   `json:"pid"` // 0 for a prepared transaction
	User        string  `json:"user,omitempty"`
	Application string  `json:"application,omitempty"`
	State       string  `json:"state,omitempty"`
	Backend     string  `json:"backend,omitempty"` // "client backend", "autovacuum worker", …
	Mode        string  `json:"mode,omitempty"`    // of the lock held
	AgeSeconds  float64 `json:"age_seconds"`       // of its transaction; -1 where this role may not see it
	QueryID     int64   `json:"query_id,omitempty"`
	Prepared    string  `json:"prepared,omitempty"`   // the prepared transaction's name
	Wraparound  bool    `json:"wraparound,omitempty"` // an autovacuum that must not be cancelled
}

// Age gives the age of the blocker's transaction; known is false where this role may not see it.
func (b Blocker) Age() (age time.Duration, known bool) {
	return time.Duration(b.AgeSeconds * float64(time.Second)), b.AgeSeconds >= 0
}

// autovacuum tells whether the server itself would cancel this blocker for a waiting lock.
func (b Blocker) autovacuum() bool { return b.Backend == "autovacuum worker" && !b.Wraparound }

// String is one line for a person: who to ask.
func (b Blocker) String() string {
	if b.Prepared != "" {
		return fmt.Sprintf("prepared transaction %q of %s, %s old, holds %s", b.Prepared, b.User, b.ageText(), b.Mode)
	}
	text := fmt.Sprintf("backend %d", b.PID)
	if b.User != "" {
		text += " of " + b.User
	}
	if b.Application != "" {
		text += fmt.Sprintf(" (%q)", b.Application)
	}
	if b.User == "" && b.Backend != "" {
		text += " (" + b.Backend + ")"
	}
	if b.State != "" {
		text += ", " + b.State
	}
	text += ", its transaction " + b.ageText() + " old"
	if b.Mode != "" {
		text += ", holds " + b.Mode
	}
	return text
}

func (b Blocker) ageText() string {
	if age, known := b.Age(); known {
		return age.Round(time.Millisecond).String()
	}
	return "of unknown age"
}

// blockerColumns reads a Blocker from a (pg_stat_activity), mode and p (pg_prepared_xacts), both perhaps NULL.
const blockerColumns = `COALESCE(a.pid, 0), COALESCE(a.usename, p.owner, '')::pg_catalog.text, COALESCE(a.application_name, ''),
	COALESCE(a.state, ''), COALESCE(a.backend_type, ''), %s,
	COALESCE(EXTRACT(epoch FROM pg_catalog.clock_timestamp() - COALESCE(a.xact_start, p.prepared)), -1)::pg_catalog.float8,
	COALESCE(a.query_id, 0), COALESCE(p.gid, ''),
	COALESCE(a.backend_type = 'autovacuum worker' AND a.query LIKE '%%(to prevent wraparound)', false)`

// conflicts are the lock modes that each lock has to wait for.
var conflicts = map[plan.Lock][]string{
	plan.AccessShare:          {"AccessExclusiveLock"},
	plan.ShareUpdateExclusive: {"ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"},
	plan.Share:                {"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"},
	plan.ShareRowExclusive:    {"RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"},
	plan.AccessExclusive: {"AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock", "ShareLock",
		"ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"},
}

// holders finds who holds, on a table, a lock that the given one would have to wait for. Nobody is queued behind.
func holders(ctx context.Context, s *session, table relName, lock plan.Lock, except int32) ([]Blocker, error) {
	modes := conflicts[lock]
	if len(modes) == 0 {
		return nil, nil
	}
	query := fmt.Sprintf("SELECT DISTINCT ON (1, 9) "+blockerColumns+` FROM pg_catalog.pg_locks AS l
		LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
		LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON l.pid IS NULL AND l.virtualtransaction = '-1/' || p.transaction::pg_catalog.text
		WHERE l.locktype = 'relation' AND l.granted AND l.mode = ANY ($1::pg_catalog.text[]) AND l.pid IS DISTINCT FROM $2
		AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
		AND l.relation = (SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		                  WHERE n.nspname = $3 AND c.relname = $4)
		ORDER BY 1, 9, 7 DESC`, "l.mode")
	found, err := rows(ctx, s, pgx.RowToStructByPos[Blocker], query, modes, except, table.schema, table.name)
	if err != nil {
		return nil, fmt.Errorf("looking at the locks on %s: %w", table.quoted(), err)
	}
	return found, nil
}

// blocking finds who blocks a backend at this moment, whatever it waits for.
func blocking(ctx context.Context, s *session, pid int32) ([]Blocker, error) {
	query := fmt.Sprintf("SELECT DISTINCT ON (1, 9) "+blockerColumns+` FROM pg_catalog.unnest(pg_catalog.pg_blocking_pids($1)) AS b (pid)
		LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = b.pid
		LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON b.pid = 0 AND p.database = pg_catalog.current_database()
		ORDER BY 1, 9`, "''")
	found, err := rows(ctx, s, pgx.RowToStructByPos[Blocker], query, pid)
	if err != nil {
		return nil, fmt.Errorf("looking for who blocks backend %d: %w", pid, err)
	}
	return found, nil
}

// oldTransactions finds the transactions that a concurrent build would have to wait for: those that wrote the table or
// hold a snapshot in this database, from an age on. Prepared transactions hold no snapshot, but block what they wrote.
func oldTransactions(ctx context.Context, s *session, table relName, age time.Duration) ([]Blocker, error) {
	query := fmt.Sprintf("SELECT "+blockerColumns+` FROM pg_catalog.pg_stat_activity AS a
		LEFT JOIN pg_catalog.pg_prepared_xacts AS p ON false
		WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
		AND a.xact_start < pg_catalog.clock_timestamp() - $1::pg_catalog.interval
		AND NOT pg_catalog.starts_with(a.application_name, 'ringfence/')
		AND (a.backend_xmin IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_locks AS l WHERE l.pid = a.pid AND l.granted
		     AND l.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
		     AND l.relation = (SELECT c.oid FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
		                       WHERE n.nspname = $2 AND c.relname = $3)))
		ORDER BY a.xact_start`, "''")
	found, err := rows(ctx, s, pgx.RowToStructByPos[Blocker], query, seconds(age), table.schema, table.name)
	if err != nil {
		return nil, fmt.Errorf("looking for old transactions: %w", err)
	}
	return found, nil
}
