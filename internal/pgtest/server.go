package pgtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
)

// linger keeps the shared server for the next test process.
const linger = 10 * time.Second

// startLimit bounds the start of a server, a download included.
const startLimit = 5 * time.Minute

// config lets every kind of test run: many connections, logical decoding, and
// two-phase commit.
func config() map[string]string {
	return map[string]string{
		"max_connections":           "200",
		"wal_level":                 "logical",
		"max_prepared_transactions": "20",
		"max_replication_slots":     "20",
		"max_wal_senders":           "20",
		"autovacuum":                "off",
	}
}

// Instance is a running server.
type Instance struct {
	*pg.Embedded
	shared bool
}

// shared is the one server of this process, started by the first test.
var shared = sync.OnceValues(func() (*Instance, error) {
	return startWith(pg.EmbeddedOptions{Share: "pgtest", InMemory: true, Linger: linger, NoFsync: true, Config: config()})
})

// own is this process's server that no other process has a part in, started by the first test that asks. It ends with the process.
var own = sync.OnceValues(func() (*Instance, error) {
	return startWith(pg.EmbeddedOptions{InMemory: true, NoFsync: true, Config: config()})
})

func startWith(opts pg.EmbeddedOptions) (*Instance, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	e, err := pg.StartEmbedded(ctx, opts)
	if err != nil {
		return nil, err
	}
	return &Instance{Embedded: e, shared: opts.Share != ""}, nil
}

// Server starts a server for this test alone, of a major version (0 is any),
// and stops it when the test ends. It takes about a second; for tests that need
// fixed role names, another version, or to crash the server.
func Server(t testing.TB, version int) *Instance {
	t.Helper()
	return ServerWith(t, pg.EmbeddedOptions{Version: version, InMemory: true, NoFsync: true, Config: config()})
}

// ServerWith is Server with all options in the test's hand.
func ServerWith(t testing.TB, opts pg.EmbeddedOptions) *Instance {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	e, err := pg.StartEmbedded(ctx, opts)
	if err != nil {
		t.Fatalf("starting a server for the test: %v\n%s", err, pg.Hint(err))
	}
	t.Cleanup(func() {
		if err := e.Stop(); err != nil {
			t.Errorf("stopping the test's server: %v", err)
		}
	})
	return &Instance{Embedded: e}
}

// connect opens a superuser's connection to a database. Cleanups use it too, so
// it does not depend on the test's context.
func (s *Instance) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.DSN(database, pg.Superuser), pg.Options{ApplicationName: "pgtest"})
}

// Reset drops all databases, roles, and replication slots that are not the
// server's own, for suites that load scripts with fixed role names one after the
// other. On the shared server it would take others' databases away, and fails.
func (s *Instance) Reset(t testing.TB) {
	t.Helper()
	if s.shared {
		t.Fatalf("resetting the server that all tests share: take one of your own from Server")
	}
	ctx := t.Context()
	admin, err := s.connect(ctx, "postgres")
	if err != nil {
		t.Fatalf("resetting the server: %v", err)
	}
	defer admin.Close(ctx)
	databases := names(t, admin, "SELECT datname FROM pg_catalog.pg_database WHERE oid >= 16384")
	for _, name := range databases {
		db := &Database{Server: s, Name: name}
		db.drop(t)
	}
	roles := names(t, admin, "SELECT rolname FROM pg_catalog.pg_roles WHERE oid >= 16384")
	if err := dropRoles(ctx, admin, roles); err != nil {
		t.Fatalf("resetting the server: %v", err)
	}
}

// names runs a query for one column of names.
func names(t testing.TB, conn *pgx.Conn, sql string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%v\nin: %s", err, sql)
	}
	return all
}
