package attack

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A session knows who is connected, becomes others inside savepoints, and looks at rows from outside row security. It is not
// safe for concurrent use: one connection, one transaction.
type session struct {
	snap       *catalog.Snapshot
	user       string // who connected
	superuser  bool
	seesAll    bool // superuser or BYPASSRLS
	version    int
	contexts   []setting
	tables     map[string]*tenancy.Table
	lookup     map[uint32]bool    // tables in which policies look the tenant up, by OID
	touching   map[[2]uint32]bool // what touches found, by function and relation
	reader     *expr.Reader
	dial       func(ctx context.Context, role string) (*pgx.Conn, error)
	byName     *walker  // made when first needed
	statements []string // what the probe at hand ran
	own        bool     // the application's own log-in: nobody looks from outside
	touched    bool     // a context was set in this session: unset is no longer to be had
}

// readSession asks the server who is connected.
func readSession(ctx context.Context, tx pgx.Tx, snap *catalog.Snapshot) (*session, error) {
	rows, err := query(ctx, tx, `SELECT session_user, r.rolsuper, r.rolsuper OR r.rolbypassrls,
		current_setting('server_version_num') FROM pg_catalog.pg_roles r WHERE r.rolname = session_user`)
	if err != nil {
		return nil, fmt.Errorf("reading the session's role: %w", err)
	}
	if len(rows) != 1 {
		return nil, fmt.Errorf("reading the session's role: no such role in pg_roles")
	}
	s := &session{snap: snap, user: *rows[0][0], superuser: *rows[0][1] == "t", seesAll: *rows[0][2] == "t"}
	if _, err := fmt.Sscan(*rows[0][3], &s.version); err != nil {
		return nil, fmt.Errorf("reading the server's version: %w", err)
	}
	return s, nil
}

// query runs SQL without parameters and returns the rows of the last result in text form; nil is NULL. It uses the simple
// protocol: literals take the type of what they stand beside, and no prepared statement stays behind.
func query(ctx context.Context, tx pgx.Tx, sql string) ([][]*string, error) {
	results, err := tx.Conn().PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(results) == 0 {
		return nil, nil
	}
	last := results[len(results)-1]
	out := make([][]*string, 0, len(last.Rows))
	for _, r := range last.Rows {
		row := make([]*string, len(r))
		for i, v := range r {
			if v != nil {
				text := string(v)
				row[i] = &text
			}
		}
		out = append(out, row)
	}
	return out, nil
}

// within runs f in a savepoint: kept when f returns nil, undone when it returns an error.
func within(ctx context.Context, tx pgx.Tx, f func(pgx.Tx) error) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	if err := f(sp); err != nil {
		if undo := sp.Rollback(ctx); undo != nil {
			return fmt.Errorf("%w (then, rolling back to a savepoint: %v)", err, undo)
		}
		return err
	}
	return sp.Commit(ctx)
}

// undone runs f in a savepoint that is always rolled back.
func undone(ctx context.Context, tx pgx.Tx, f func(pgx.Tx) error) error {
	sp, err := tx.Begin(ctx)
	if err != nil {
		return err
	}
	err = f(sp)
	if undo := sp.Rollback(ctx); undo != nil && err == nil {
		return undo
	}
	return err
}

// ours are the settings that limit the attack itself; a role's own values do not replace them.
var ours = map[string]bool{"statement_timeout": true, "lock_timeout": true, "idle_in_transaction_session_timeout": true,
	"transaction_timeout": true, "session_preload_libraries": true, "local_preload_libraries": true, "role": true}

// asRole makes the rest of the savepoint run as a role, with the settings that a connection of the role would start with:
// SET ROLE applies none of them. A superuser changes session_user too, so that SET ROLE is then judged as it is for the role.
func (s *session) asRole(ctx context.Context, tx pgx.Tx, role string) error {
	if s.own && role == s.user { // it logged in as itself, with its own settings
		_, err := query(ctx, tx, "SET LOCAL ROLE NONE; SET LOCAL search_path = DEFAULT; SET LOCAL row_security = on")
		return err
	}
	verb := "SET LOCAL ROLE "
	if s.superuser {
		verb = "SET LOCAL SESSION AUTHORIZATION "
	}
	const fresh = "SET LOCAL search_path = DEFAULT; SET LOCAL row_security = on; "
	defaults := s.defaults(role)
	if len(defaults) == 0 {
		_, err := query(ctx, tx, fresh+verb+pg.Ident(role))
		return s.becoming(role, err)
	}
	if _, err := query(ctx, tx, fresh); err != nil {
		return err
	}
	for _, set := range defaults {
		sql := fmt.Sprintf("SELECT pg_catalog.set_config(%s, %s, true)", pg.Literal(set.Name), pg.Literal(set.Value))
		err := within(ctx, tx, func(sp pgx.Tx) error { _, err := query(ctx, sp, sql); return err })
		if err != nil && state(err) == "" {
			return err
		}
	}
	_, err := query(ctx, tx, verb+pg.Ident(role))
	return s.becoming(role, err)
}

// A noMemberError says that the session may not become a role that is to be tried.
type noMemberError struct {
	user, role string
	err        error
}

func (e *noMemberError) Error() string {
	return fmt.Sprintf("%s may not become %s: run GRANT %s TO %s for as long as this takes, or use a copy (prove --clone)", e.user, e.role, pg.Ident(e.role), pg.Ident(e.user))
}

func (e *noMemberError) Unwrap() error { return e.err }

// becoming tells a refusal to become a role from what is refused to the role.
func (s *session) becoming(role string, err error) error {
	if state(err) == insufficientPrivilege {
		return &noMemberError{s.user, role, err}
	}
	return err
}

// defaults returns the settings a new connection of the role starts with, the more specific last.
func (s *session) defaults(role string) []catalog.Setting {
	var out []catalog.Setting
	for _, want := range [][2]bool{{false, false}, {true, false}, {false, true}, {true, true}} {
		for _, set := range s.snap.Settings {
			here := set.Database == "" || set.Database == s.snap.Server.Database
			if ours[set.Name] || !here || (set.Role != "" && set.Role != role) {
				continue
			}
			if (set.Database != "") == want[0] && (set.Role != "") == want[1] {
				out = append(out, set)
			}
		}
	}
	return out
}

// become makes the rest of the savepoint run as the application role in a tenant's context.
func (s *session) become(ctx context.Context, tx pgx.Tx, role string, t Tenant) error {
	if err := s.asRole(ctx, tx, role); err != nil {
		return preparing(fmt.Errorf("becoming role %s: %w", role, err))
	}
	return preparing(s.setContext(ctx, tx, t))
}

// setContext sets a tenant's context for the rest of the savepoint.
func (s *session) setContext(ctx context.Context, tx pgx.Tx, t Tenant) error {
	sql := contextSQL(t)
	if sql == "" {
		return nil
	}
	if len(t.Context) > 0 {
		s.touched = true
	}
	if _, err := query(ctx, tx, sql); err != nil {
		return fmt.Errorf("setting the tenant context: %w", err)
	}
	return nil
}

// contextSQL returns the statements that make a session the tenant's; "" for none.
func contextSQL(t Tenant) string {
	var b strings.Builder
	for _, name := range sortedKeys(t.Context) {
		fmt.Fprintf(&b, "SELECT pg_catalog.set_config(%s, %s, true); ", pg.Literal(name), pg.Literal(t.Context[name]))
	}
	if t.Role != "" {
		fmt.Fprintf(&b, "SET LOCAL ROLE %s; ", pg.Ident(t.Role))
	}
	return strings.TrimSuffix(b.String(), " ")
}

// see runs a query from outside row security, whoever the transaction acts as at the moment, and leaves that as it was. Row
// security is off, so that where the session does not see all rows the answer is an error and never silence.
func (s *session) see(ctx context.Context, tx pgx.Tx, owner, sql string) ([][]*string, error) {
	var out [][]*string
	err := undone(ctx, tx, func(sp pgx.Tx) error {
		if err := s.step(ctx, sp, owner); err != nil {
			return err
		}
		var err error
		out, err = query(ctx, sp, sql)
		return err
	})
	return out, preparing(err)
}

// step leaves every role taken and, where the session does not see all rows itself, takes the table's owner.
func (s *session) step(ctx context.Context, tx pgx.Tx, owner string) error {
	back := "SET LOCAL ROLE NONE"
	if s.superuser {
		back = "SET LOCAL SESSION AUTHORIZATION DEFAULT"
	}
	sql := back + "; SET LOCAL search_path = pg_catalog; SET LOCAL row_security = off"
	if !s.seesAll && owner != "" {
		sql += "; SET LOCAL ROLE " + pg.Ident(owner)
	}
	_, err := query(ctx, tx, sql)
	return err
}
