package pin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/auth/internal/ended"
	"github.com/ringfencehq/ringfence/internal/pinsql"
)

// DB runs queries as the login's or the operator's role: a pgxpool.Pool, or a pgx.Conn that one caller uses at a time.
type DB interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// store calls the functions of the database. Every call is one statement and one round trip, bounded in time.
type store struct {
	db      DB
	timeout time.Duration
}

func call(name string) string { return "SELECT * FROM " + pinsql.Schema + "." + name }

// row runs one call that gives one row, and scans it.
func (s store) row(ctx context.Context, sql string, args []any, into ...any) error {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	return ended.Again(func() error { return s.db.QueryRow(ctx, sql, args...).Scan(into...) })
}

// id is a random UUID: of a device, of a session.
type id [16]byte

func (d id) String() string {
	h := hex.EncodeToString(d[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func parseID(s string) (id, bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return id{}, false
	}
	var d id
	n, err := hex.Decode(d[:], []byte(s[:8]+s[9:13]+s[14:18]+s[19:23]+s[24:]))
	return d, err == nil && n == len(d)
}

// device is what a device shows: its id and the digest of its secret.
type device struct {
	id     id
	digest [sha256.Size]byte
}

// admission is what pin_admit says.
type admission struct {
	state  string // go, unknown, or the key that has no try left
	tenant string
	bound  string // the user that the device is bound to
	wait   time.Duration
}

func (s store) admit(ctx context.Context, network string, d device, user string, l Limits) (admission, error) {
	var a admission
	var tenant, bound *string
	var wait *float64
	err := s.row(ctx, call("pin_admit($1, $2, $3, $4, $5, $6)"), []any{network, d.id.String(), d.digest[:], user,
		[]int64{int64(l.Network), int64(l.Device), int64(l.User), int64(l.Tenant)}, seconds(l.Window)}, &a.state, &tenant, &bound, &wait)
	if err != nil {
		return a, fmt.Errorf("counting a try: %w", err)
	}
	a.tenant, a.bound = text(tenant), text(bound)
	if wait != nil {
		a.wait = time.Duration(*wait * float64(time.Second))
	}
	return a, nil
}

// credential is what pin_begin says: what a try is compared with, counted already.
type credential struct {
	state      string // try, locked, unknown
	last       bool   // wrong once more, and it is locked
	salt, hash []byte
	cost       Cost
	pepper     string
	generation int64
}

func (s store) begin(ctx context.Context, tenant, user string, l Limits) (credential, error) {
	var c credential
	var last *bool
	var memory, passes, threads *int
	var pepper *string
	var generation *int64
	err := s.row(ctx, call("pin_begin($1, $2, $3, $4, $5)"), []any{tenant, user, l.Tries, seconds(l.Lock), int64(l.Failures)},
		&c.state, &last, &c.salt, &c.hash, &memory, &passes, &threads, &pepper, &generation)
	if err != nil {
		return c, fmt.Errorf("counting a try: %w", err)
	}
	if c.state == "try" {
		c.last, c.cost, c.pepper, c.generation = *last, Cost{Memory: *memory, Passes: *passes, Threads: *threads}, *pepper, *generation
	}
	return c, nil
}

// finish forgets the failures. A nil session begins none.
func (s store) finish(ctx context.Context, network string, d device, tenant, user string, generation int64, session *id, life time.Duration) (bool, error) {
	var of any
	if session != nil {
		of = session.String()
	}
	var ok bool
	err := s.row(ctx, call("pin_finish($1, $2, $3, $4, $5, $6, $7)"), []any{network, d.id.String(), tenant, user, generation, of, seconds(life)}, &ok)
	if err != nil {
		return false, fmt.Errorf("ending a try: %w", err)
	}
	return ok, nil
}

func (s store) refresh(ctx context.Context, session id, generation int64, d device) (state, tenant, user string, err error) {
	var t, u *string
	if err = s.row(ctx, call("pin_refresh($1, $2, $3, $4)"), []any{session.String(), generation, d.id.String(), d.digest[:]}, &state, &t, &u); err != nil {
		return "", "", "", fmt.Errorf("refreshing a session: %w", err)
	}
	return state, text(t), text(u), nil
}

// end ends a session; no error and no tenant where it had ended.
func (s store) end(ctx context.Context, session id, why string) (tenant, user string, err error) {
	err = s.row(ctx, call("pin_end($1, $2)"), []any{session.String(), why}, &tenant, &user)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("ending a session: %w", err)
	}
	return tenant, user, nil
}

func (s store) claim(ctx context.Context, code [sha256.Size]byte, d device) (tenant, user, label string, ok bool, err error) {
	var u *string
	err = s.row(ctx, call("pin_claim($1, $2, $3)"), []any{code[:], d.id.String(), d.digest[:]}, &tenant, &u, &label)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", "", "", false, nil
	}
	if err != nil {
		return "", "", "", false, fmt.Errorf("enrolling a device: %w", err)
	}
	return tenant, text(u), label, true, nil
}

func (s store) sweep(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, s.timeout)
	defer stop()
	rows, err := s.db.Query(ctx, call("pin_sweep()"))
	if err != nil {
		return fmt.Errorf("forgetting what has ended: %w", err)
	}
	rows.Close()
	return rows.Err()
}

// set stores a hash; was is the generation it takes the place of, nil for any. The sessions that ended are returned; changed is
// false where another generation stands.
func (s store) set(ctx context.Context, tenant, user string, c credential, was *int64) (gone []string, changed bool, err error) {
	return s.ended(ctx, "setting a PIN", "pin_set($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		tenant, user, c.salt, c.hash, c.cost.Memory, c.cost.Passes, c.cost.Threads, c.pepper, was)
}

// ended calls a function that ends sessions and returns them, or NULL where there was nothing to do it to.
func (s store) ended(ctx context.Context, doing, function string, args ...any) ([]string, bool, error) {
	var all *[]string
	if err := s.row(ctx, "SELECT "+pinsql.Schema+"."+function+"::text[]", args, &all); err != nil {
		return nil, false, fmt.Errorf("%s: %w", doing, err)
	}
	if all == nil {
		return nil, false, nil
	}
	return *all, true, nil
}

func seconds(d time.Duration) int { return int(d / time.Second) }

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
