package revocation

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// An Entry is one revocation as it is stored and carried. Which of Tenant, User and Subject are there is the kind's matter:
// a token and a session have a Subject, a member Tenant and User, a tenant its Tenant.
type Entry struct {
	ID      int64     `json:"id,omitempty"`
	Kind    string    `json:"kind"`
	Tenant  string    `json:"tenant,omitempty"`
	User    string    `json:"user,omitempty"`
	Subject string    `json:"subject,omitempty"`
	At      time.Time `json:"at"`
	Ends    time.Time `json:"ends,omitzero"` // from when on it need not be held any more: the token has ended by then; zero: never
	Reason  string    `json:"-"`
	By      string    `json:"-"`
}

// Store is the table behind its two functions. Safe for concurrent use: calls take turns on one connection, which is made at
// the first call and again after an error. It works through a pooler in transaction mode.
type Store struct {
	dsn  string
	turn chan struct{}
	conn *pgx.Conn
}

// NewStore returns a store that connects by dsn. Nothing is dialled yet.
func NewStore(dsn string) *Store { return &Store{dsn: dsn, turn: make(chan struct{}, 1)} }

// Close ends the connection.
func (s *Store) Close() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.drop()
}

func (s *Store) drop() {
	if s.conn != nil {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = s.conn.Close(ctx)
		s.conn = nil
	}
}

// query runs one of the functions on the connection, and makes it anew next time where that fails.
func (s *Store) query(ctx context.Context, sql string, row func(pgx.Rows) error, args ...any) (err error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.conn == nil || s.conn.IsClosed() {
		if s.conn, err = pg.Connect(ctx, s.dsn, pg.Options{ApplicationName: "ringfence revocation", CancelWait: time.Second}); err != nil {
			return err
		}
	}
	defer func() {
		if err != nil {
			s.drop()
		}
	}()
	rows, err := s.conn.Query(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Add stores a revocation, and returns it with its id and time. It holds from the moment that Add returns; who carries it on
// does so then.
func (s *Store) Add(ctx context.Context, e Entry) (Entry, error) {
	var ends *time.Time
	if !e.Ends.IsZero() {
		ends = &e.Ends
	}
	err := s.query(ctx, "SELECT new_id, at FROM ringfence.revocation_add($1, $2, $3, $4, $5, $6, $7)",
		func(r pgx.Rows) error { return r.Scan(&e.ID, &e.At) }, e.Kind, e.Tenant, e.User, e.Subject, e.Reason, e.By, ends)
	if err != nil {
		return e, fmt.Errorf("storing a revocation: %w", err)
	}
	return e, nil
}

// FromStart is the cursor before everything.
const FromStart = "0"

// Since returns what was stored since a cursor, and the cursor to go on from. An entry may come twice, and none is left out:
// what a transaction that is under way has written comes once it has committed.
func (s *Store) Since(ctx context.Context, cursor string) (all []Entry, next string, err error) {
	err = s.query(ctx, "SELECT next, id, kind, tenant, user_id, subject, revoked_at, ends_at FROM ringfence.revocation_since($1)", func(r pgx.Rows) error {
		var id *int64
		var kind, tenant, user, subject *string
		var at, ends *time.Time
		if err := r.Scan(&next, &id, &kind, &tenant, &user, &subject, &at, &ends); err != nil || id == nil {
			return err
		}
		e := Entry{ID: *id, Kind: *kind, Tenant: *tenant, User: *user, Subject: *subject, At: *at}
		if ends != nil {
			e.Ends = *ends
		}
		all = append(all, e)
		return nil
	}, cursor)
	if err == nil && next == "" {
		err = fmt.Errorf("the function gave no cursor")
	}
	if err != nil {
		return nil, cursor, fmt.Errorf("following revocations: %w", err)
	}
	return all, next, nil
}
