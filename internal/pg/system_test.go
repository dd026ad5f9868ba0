//go:build system

package pg_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestSystemEveryVersionStarts(t *testing.T) {
	for major := pg.OldestSupported; major <= pg.NewestSupported; major++ {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			server := pgtest.Server(t, major)
			db := server.DB(t)
			v, err := pg.ServerVersion(t.Context(), db.Super)
			if err != nil {
				t.Fatal(err)
			}
			if v.Major() != major || v != server.Binaries().Version {
				t.Errorf("the server says %s, its programs %s, wanted was %d", v, server.Binaries().Version, major)
			}
			if got := pg.DetectPath(t.Context(), db.Super); got.Path != pg.PathDirect {
				t.Errorf("path %s, want direct: %s", got.Path, got.Why)
			}
			for _, name := range []string{"citext", "pgcrypto"} {
				if has, err := server.HasExtension(t.Context(), name); err != nil || !has {
					t.Errorf("extension %s: %v %v", name, has, err)
				}
			}
		})
	}
}

func TestSystemDetectPathThroughPgBouncer(t *testing.T) {
	server := pgtest.Server(t, 0)
	for _, opts := range []pgtest.BouncerOptions{
		{PoolMode: "transaction"},
		{PoolMode: "session", PoolSize: 4},
		{PoolMode: "statement"},
		{PoolMode: "transaction", Settings: map[string]string{"ignore_startup_parameters": "options"}},
	} {
		t.Run(opts.PoolMode, func(t *testing.T) {
			bouncer := pgtest.PgBouncer(t, server, opts)
			conn, err := pg.Connect(t.Context(), bouncer.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			got := pg.DetectPath(t.Context(), conn)
			if got.Path != pg.PathPooler || got.Hint == "" {
				t.Errorf("path %s, hint %q, want pooler and a hint: %s", got.Path, got.Hint, got.Why)
			}
		})
	}
}

// TestSystemCatalogSessionLeavesNothingInThePool has its positive control in pgtest:
// the same with SET reaches the other client.
func TestSystemCatalogSessionLeavesNothingInThePool(t *testing.T) {
	server := pgtest.Server(t, 0)
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	dsn := bouncer.DSN("postgres", pg.Superuser)
	ours, err := pg.Connect(t.Context(), dsn, pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close(t.Context())
	theirs, err := pg.Connect(t.Context(), dsn, pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close(t.Context())
	const ask = "SELECT current_setting('row_security'), current_setting('search_path')"
	before := pgtest.Query(t, theirs, ask)
	var inside string
	err = pg.InCatalogTx(t.Context(), ours, func(tx pgx.Tx) error {
		return tx.QueryRow(t.Context(), "SHOW row_security").Scan(&inside)
	})
	if err != nil || inside != "off" {
		t.Fatalf("inside: row_security %q, %v", inside, err)
	}
	after := pgtest.Query(t, theirs, ask)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("another client's settings went from %v to %v", before, after)
	}
}
