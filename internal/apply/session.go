package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// answerLimit is how long the server may take to answer a cancelled statement before its connection is given up.
const answerLimit = 15 * time.Second

// bookLimit bounds statements that only keep the run log.
const bookLimit = 30 * time.Second

// A session is one direct connection with everything pinned. Not for concurrent use.
type session struct {
	conn    *pgx.Conn
	pid     int32
	started string // backend_start, as text: with pid, the identity of a backend
	app     string
}

// openSession connects, proves that the connection is direct, and pins the session's settings. The settings are the
// session's, not a transaction's, because index builds run outside of transactions; that is safe only on a direct
// connection, where the session is ours alone.
func openSession(ctx context.Context, connect func(context.Context) (*pgx.Conn, error), app string) (*session, error) {
	conn, err := connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	s := &session{conn: conn, app: app}
	if err := s.prepare(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// openBook is openSession for sessions that read and keep the run log: they never wait for a lock without end.
func openBook(ctx context.Context, connect func(context.Context) (*pgx.Conn, error), app string) (*session, error) {
	s, err := openSession(ctx, connect, app)
	if err != nil {
		return nil, err
	}
	if err := s.exec(ctx, "SET lock_timeout = '20s'"); err != nil {
		s.close()
		return nil, fmt.Errorf("pinning the session's settings: %w", err)
	}
	return s, nil
}

func (s *session) prepare(ctx context.Context) error {
	if err := s.readPID(ctx); err != nil {
		return fmt.Errorf("reading the backend's number: %w", err)
	}
	if wire := int32(s.conn.PgConn().PID()); wire != s.pid {
		return notDirect(pg.DetectPath(ctx, s.conn))
	}
	pins := []string{
		"SET standard_conforming_strings = on", "SET search_path = pg_catalog", "SET row_security = off", "SET statement_timeout = 0", "SET lock_timeout = 0",
		"SET idle_session_timeout = 0", "SET client_connection_check_interval = 0", "SET default_transaction_read_only = off",
		"SET client_min_messages = warning", "SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET application_name = " + quote(s.app),
	}
	if s.version() >= 17 {
		pins = append(pins, "SET transaction_timeout = 0")
	}
	for _, pin := range pins {
		if err := s.exec(ctx, pin); err != nil {
			return fmt.Errorf("pinning the session's settings: %w", err)
		}
	}
	const start = "SELECT backend_start::pg_catalog.text FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid()"
	if err := s.one(ctx, start, nil, &s.started); err != nil {
		return fmt.Errorf("reading the backend's start: %w", err)
	}
	return nil
}

// readPID asks for the backend's number without pgx's own assumptions about the session, which is not pinned yet.
func (s *session) readPID(ctx context.Context) error {
	return s.await(ctx, func(ctx context.Context) error {
		results, err := s.conn.PgConn().Exec(ctx, "SELECT pg_catalog.pg_backend_pid()").ReadAll()
		if err != nil {
			return err
		}
		pid, err := strconv.ParseInt(string(results[0].Rows[0][0]), 10, 32)
		s.pid = int32(pid)
		return err
	})
}

// version gives the server's major version as the start-up packet told it; 0 when it told none.
func (s *session) version() int {
	var major int
	if _, err := fmt.Sscanf(s.conn.PgConn().ParameterStatus("server_version"), "%d", &major); err != nil {
		return 0
	}
	return major
}

// exec runs one string of statements by the simple protocol, which leaves no snapshot behind.
func (s *session) exec(ctx context.Context, sql string, args ...any) error {
	_, err := s.execTag(ctx, sql, args...)
	return err
}

// execTag is exec, and gives the command's tag.
func (s *session) execTag(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	var tag pgconn.CommandTag
	err := s.await(ctx, func(ctx context.Context) (err error) {
		if len(args) > 0 {
			tag, err = s.conn.Exec(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
			return err
		}
		results, err := s.conn.PgConn().Exec(ctx, sql).ReadAll()
		if err == nil && len(results) > 0 {
			tag = results[len(results)-1].CommandTag
		}
		return err
	})
	return tag, err
}

// one reads one row; pgx.ErrNoRows where there is none.
func (s *session) one(ctx context.Context, sql string, args []any, into ...any) error {
	return s.await(ctx, func(ctx context.Context) error {
		return s.conn.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...).Scan(into...)
	})
}

// rows reads all rows.
func rows[T any](ctx context.Context, s *session, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	var all []T
	err := s.await(ctx, func(ctx context.Context) error {
		r, err := s.conn.Query(ctx, sql, append([]any{pgx.QueryExecModeSimpleProtocol}, args...)...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(r, scan)
		return err
	})
	return all, err
}

// await runs fn, which talks to the server on this session. When ctx ends it asks the server to cancel and waits for the
// server's answer: closing the socket instead, as pgx does, would leave the statement running unseen.
func (s *session) await(ctx context.Context, fn func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	answer := make(chan error, 1)
	go func() { answer <- fn(inner) }()
	select {
	case err := <-answer:
		return pg.WhyLost(s.conn, err)
	case <-ctx.Done():
	}
	asking, done := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
	defer done()
	// What the request itself answers does not matter: the statement's own end does.
	_ = s.conn.PgConn().CancelRequest(asking)
	select {
	case err := <-answer:
		if err == nil {
			return nil // it had ended before the request came
		}
		return errors.Join(context.Cause(ctx), err)
	case <-asking.Done():
		stop()
		return errors.Join(context.Cause(ctx), fmt.Errorf("the server did not answer the cancel request: %w", <-answer))
	}
}

// alive tells whether the connection can still be used.
func (s *session) alive() bool { return s != nil && !s.conn.IsClosed() }

// close ends the session, whatever its state.
func (s *session) close() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.conn.Close(ctx) // nothing is left to lose on it
}

// rollback ends a transaction; a session that cannot do so is closed.
func (s *session) rollback() {
	if !s.alive() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	if err := s.exec(ctx, "ROLLBACK"); err != nil {
		s.close()
	}
}

// detached gives a context that outlives ctx's end, for what must be written down whatever happens.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), bookLimit)
}

// notDirect refuses a connection that is not proved to be direct, and names the direct form.
func notDirect(r pg.PathReport) error {
	detail := "whether a pooler stands between here and the server could not be told: " + r.Why
	if r.Path == pg.PathPooler {
		detail = "a pooler stands between here and the server: " + r.Why
	}
	return &PreflightError{Refused: []Check{{Name: "pooler", State: CheckRefused, Detail: detail, Hint: r.Hint}}}
}
