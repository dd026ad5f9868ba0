package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// cleanupLimit bounds what a test's end may take.
const cleanupLimit = 30 * time.Second

// Database is one test's own database. Its superuser connection is not for
// concurrent use; open further ones with Conn.
type Database struct {
	// Server is the server the database stands on.
	Server *Instance
	// Name is the database's name.
	Name string
	// Super is a superuser's connection. Superusers bypass row security: what
	// a test wants to know about isolation it must ask as another role.
	Super *pgx.Conn

	mu    sync.Mutex
	roles []string
}

// DB makes an empty database on the shared server, in some tens of
// milliseconds, and drops it with its roles when the test ends.
func DB(t testing.TB) *Database {
	t.Helper()
	return on(t, shared)
}

// Alone is DB on a server that no other package's tests work on: for what is judged of a whole cluster, as a role that sees all rows is
// every database's.
func Alone(t testing.TB) *Database {
	t.Helper()
	return on(t, own)
}

func on(t testing.TB, start func() (*Instance, error)) *Database {
	t.Helper()
	server, err := start()
	if err != nil {
		t.Fatalf("starting the server for tests: %v\n%s", err, pg.Hint(err))
	}
	return server.DB(t)
}

// DB makes an empty database on this server.
func (s *Instance) DB(t testing.TB) *Database {
	t.Helper()
	db := &Database{Server: s, Name: uniqueName("test")}
	ctx := t.Context()
	admin, err := s.connect(ctx, "postgres")
	if err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	defer admin.Close(ctx)
	create := "CREATE DATABASE " + pg.Ident(db.Name) + " TEMPLATE template0"
	if s.Binaries().Version.Major() >= 15 {
		create += " STRATEGY file_copy"
	}
	if _, err := admin.Exec(ctx, create); err != nil {
		t.Fatalf("making a test database: %v", err)
	}
	t.Cleanup(func() { db.drop(t) })
	if db.Super, err = s.connect(ctx, db.Name); err != nil {
		t.Fatalf("connecting to the test database: %v", err)
	}
	return db
}

// uniqueName makes a name that no other test process of the server has, within
// PostgreSQL's 63 bytes; a long prefix loses whole characters.
func uniqueName(prefix string) string {
	const most = 63 - 1 - 12
	for len(prefix) > most {
		_, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
	}
	return prefix + "_" + strings.ToLower(rand.Text()[:12])
}

// DSN gives a connection string for a role; "" is the superuser.
func (db *Database) DSN(role string) string {
	if role == "" {
		role = pg.Superuser
	}
	return db.Server.DSN(db.Name, role)
}

// Conn opens a connection as a role, which needs LOGIN; it is closed when the
// test ends.
func (db *Database) Conn(t testing.TB, role string) *pgx.Conn {
	t.Helper()
	conn, err := pg.Connect(t.Context(), db.DSN(role), pg.Options{ApplicationName: "pgtest"})
	if err != nil {
		t.Fatalf("connecting as %s: %v", role, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
		defer cancel()
		conn.Close(ctx)
	})
	return conn
}

// Role makes a role with a name of its own that starts with prefix, and drops
// it when the test ends. attrs is what follows CREATE ROLE name, such as
// "LOGIN BYPASSRLS".
func (db *Database) Role(t testing.TB, prefix, attrs string) string {
	t.Helper()
	name := uniqueName(prefix)
	db.Exec(t, "CREATE ROLE "+pg.Ident(name)+" "+attrs)
	db.Adopt(name)
	return name
}

// Adopt has a role that the test itself made dropped when the test ends.
func (db *Database) Adopt(role string) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.roles = append(db.roles, role)
}

// drop removes the database, what hinders that (sessions, prepared
// transactions, replication slots), and its roles.
func (db *Database) drop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), cleanupLimit)
	defer cancel()
	if err := errors.Join(db.dropPrepared(ctx), db.dropDatabase(ctx)); err != nil {
		t.Errorf("dropping the test database: %v", err)
	}
}

// dropPrepared rolls prepared transactions back, from a connection of its own:
// the test may have left Super in any state.
func (db *Database) dropPrepared(ctx context.Context) error {
	if db.Super != nil {
		db.Super.Close(ctx)
	}
	conn, err := db.Server.connect(ctx, db.Name)
	if pg.SQLState(err) == "3D000" {
		return nil // the test dropped the database itself
	}
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT gid FROM pg_catalog.pg_prepared_xacts WHERE database = $1", db.Name)
	if err != nil {
		return err
	}
	gids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, gid := range gids {
		if _, err := conn.Exec(ctx, "ROLLBACK PREPARED "+pg.Literal(gid)); err != nil {
			return err
		}
	}
	return nil
}

func (db *Database) dropDatabase(ctx context.Context) error {
	admin, err := db.Server.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer admin.Close(ctx)
	const dropSlots = `SELECT pg_catalog.pg_drop_replication_slot(slot_name)
		FROM pg_catalog.pg_replication_slots WHERE database = $1 AND NOT active`
	if _, err := admin.Exec(ctx, dropSlots, db.Name); err != nil {
		return err
	}
	if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+pg.Ident(db.Name)+" WITH (FORCE)"); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return dropRoles(ctx, admin, db.roles)
}

// dropRoles drops roles with all they own and were granted in the database of
// the connection and on the server; roles that are gone already are passed over.
func dropRoles(ctx context.Context, admin *pgx.Conn, roles []string) error {
	for _, role := range roles {
		var there bool
		err := admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)", role).Scan(&there)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if _, err := admin.Exec(ctx, "DROP OWNED BY "+pg.Ident(role)+" CASCADE"); err != nil {
			return fmt.Errorf("dropping the role %q: %w", role, err)
		}
	}
	for _, role := range roles {
		if _, err := admin.Exec(ctx, "DROP ROLE IF EXISTS "+pg.Ident(role)); err != nil {
			return fmt.Errorf("dropping the role %q: %w", role, err)
		}
	}
	return nil
}
