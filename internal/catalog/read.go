package catalog

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Options say what to read. The zero value reads everything with a statement timeout of two minutes.
type Options struct {
	// Schemas, when not empty, limits the relations that are kept to those of the named schemas and those elsewhere that they
	// refer to (by a stored tree, a foreign key, inheritance, a trigger of theirs). Roles, functions and the rest are always read.
	Schemas []string
	// StatementTimeout limits each query; zero is two minutes.
	StatementTimeout time.Duration
	// LockTimeout limits waiting for a table that another session has locked exclusively: printing a stored expression opens
	// the tables it names. When it is over, all is read without the printed forms (Tree.Text, Function.Definition), and
	// Server.Unreadable says so; no judgement and no fingerprint needs them. Zero is half a second: below
	// deadlock_timeout, so that another session's DDL is never the victim of a deadlock with the reading.
	LockTimeout time.Duration
}

// statementTimeout limits each query where nothing else is asked for.
const statementTimeout = 2 * time.Minute

// minVersion is the oldest server that is read: 14.
const minVersion = 140000

// Read takes a Snapshot of the database conn is connected to. It begins one REPEATABLE READ, read-only transaction and rolls
// it back in the end; conn must not be in a transaction and must not be used by others meanwhile. Settings are changed for
// that transaction only. The number of queries and of round trips does not depend on the database.
//
// CONNECT is the only right needed; what the session may not read is named in Server.Unreadable.
func Read(ctx context.Context, conn *pgx.Conn, opts Options) (*Snapshot, error) {
	if conn.PgConn().TxStatus() != 'I' {
		return nil, errors.New("reading the catalogue: the connection is in a transaction")
	}
	terse := false // without the printed forms: they alone wait for locks, and fail where others drop what they print
	for attempt := 1; ; attempt++ {
		s, err := readOnce(ctx, conn, opts, terse)
		switch {
		case err == nil:
			return s, nil
		case (sqlState(err) == lockNotAvailable || sqlState(err) == deadlockDetected) && !terse:
			terse = true
		case !overtaken(err) || attempt >= maxAttempts:
			return nil, err
		default:
			terse = attempt >= 2
		}
	}
}

// maxAttempts limits how often reading begins again because others changed what was being read.
const maxAttempts = 4

const (
	lockNotAvailable = "55P03"
	deadlockDetected = "40P01"
)

func sqlState(err error) string {
	if pgErr := (*pgconn.PgError)(nil); errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// overtaken reports whether an error can come from objects that others dropped or made meanwhile: the printing functions look
// at the newest catalogue, not at the transaction's snapshot, and say "cache lookup failed" or "does not exist".
func overtaken(err error) bool {
	switch sqlState(err) {
	case "XX000", "42P01", "42703", "42704", "42883":
		return true
	}
	return false
}

func readOnce(ctx context.Context, conn *pgx.Conn, opts Options, terse bool) (*Snapshot, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, fmt.Errorf("beginning to read the catalogue: %w", err)
	}
	s, err := readIn(ctx, conn, opts, terse)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if rollbackErr := tx.Rollback(end); err == nil && rollbackErr != nil {
		err = fmt.Errorf("ending the reading of the catalogue: %w", rollbackErr)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func readIn(ctx context.Context, conn *pgx.Conn, opts Options, terse bool) (*Snapshot, error) {
	s := &Snapshot{Schema: SchemaVersion, Server: Server{Settings: map[string]string{}, Unreadable: []string{}}, OnlySchemas: opts.Schemas}
	b := newBuilder(s)
	if b.terse = terse; terse {
		b.unreadable("printed forms of stored trees (what they name is locked or being changed)")
	}
	pc := conn.PgConn()
	if err := run(ctx, pc, append([]query{sessionQuery(opts)}, b.preludeQueries()...)); err != nil {
		return nil, err
	}
	if b.version < minVersion {
		return nil, fmt.Errorf("reading the catalogue: server version %d is older than 14", b.version)
	}
	if err := run(ctx, pc, b.allowed(b.allQueries())); err != nil {
		return nil, err
	}
	b.noteHiddenSettings()
	m := b.collectMentions()
	if err := run(ctx, pc, b.mentionQueries(m)); err != nil {
		return nil, err
	}
	b.finish(m, opts)
	return s, nil
}

// sessionQuery sets what the reading needs, for this transaction only. The printing functions depend on some of these.
func sessionQuery(opts Options) query {
	settings := [][2]string{
		{"search_path", "pg_catalog"}, {"row_security", "off"}, {"client_encoding", "UTF8"}, {"jit", "off"},
		{"statement_timeout", milliseconds(opts.StatementTimeout, statementTimeout)}, {"lock_timeout", milliseconds(opts.LockTimeout, 500*time.Millisecond)},
		{"quote_all_identifiers", "off"}, {"DateStyle", "ISO, MDY"}, {"IntervalStyle", "postgres"}, {"TimeZone", "UTC"},
		{"extra_float_digits", "1"}, {"standard_conforming_strings", "on"}, {"max_parallel_workers_per_gather", "0"},
	}
	q := query{name: "the session", take: func(r *row) { r.next = len(r.values) }, sql: `SELECT `}
	for i, s := range settings {
		if i > 0 {
			q.sql += ", "
		}
		q.sql += `pg_catalog.set_config($` + strconv.Itoa(2*i+1) + `, $` + strconv.Itoa(2*i+2) + `, true)`
		q.args = append(q.args, s[0], s[1])
	}
	return q
}

func milliseconds(d, otherwise time.Duration) string {
	if d <= 0 {
		d = otherwise
	}
	return strconv.FormatInt(max(1, d.Milliseconds()), 10)
}

// allQueries is the fixed list. A query's rows are taken in this order: those that name things come first.
func (b *builder) allQueries() []query {
	var all []query
	all = append(all, b.clusterQueries()...)
	all = append(all, b.serverQueries()...)
	all = append(all, b.typeQueries()...)
	all = append(all, b.relationQueries(`oid IN `+readRelations)...)
	all = append(all, b.constraintQueries()...)
	all = append(all, b.policyQueries()...)
	all = append(all, b.relationPartQueries()...)
	all = append(all, b.functionQueries(readFunctions)...)
	all = append(all, b.objectQueries()...)
	return append(all, b.grantQueries()...)
}

// allowed leaves out the queries whose catalogue the session may not read, and notes that.
func (b *builder) allowed(queries []query) []query {
	var out []query
	for _, q := range queries {
		if q.need != "" && b.denied[q.need] {
			b.unreadable(q.name + " (" + q.need + ")")
			continue
		}
		out = append(out, q)
	}
	return out
}
