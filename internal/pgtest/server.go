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
}

// shared is the one server of this process, started by the first test.
var shared = sync.OnceValues(func() (*Instance, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	e, err := pg.StartEmbedded(ctx, pg.EmbeddedOptions{Share: "pgtest", Linger: linger, NoFsync: true, Config: config()})
	if err != nil {
		return nil, err
	}
	return &Instance{e}, nil
})

// Server starts a server for this test alone, of a major version (0 is any),
// and stops it when the test ends. It takes about a second; for tests that need
// fixed role names, another version, or to crash the server.
func Server(t testing.TB, version int) *Instance {
	t.Helper()
	return ServerWith(t, pg.EmbeddedOptions{Version: version, NoFsync: true, Config: config()})
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
	return &Instance{e}
}

// connect opens a superuser's connection to a database. Cleanups use it too, so
// it does not depend on the test's context.
func (s *Instance) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pg.Connect(ctx, s.DSN(database, pg.Superuser), pg.Options{ApplicationName: "pgtest"})
}
