package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// shopSchema is a small system of most kinds of steps: a root, an owned table without index and updated_at, a child without
// the tenant's column, a view, a function for everybody, and an application that is not the owner.
const shopSchema = `
CREATE ROLE shop_owner LOGIN BYPASSRLS;
CREATE ROLE shop_app LOGIN;
GRANT CREATE ON DATABASE :database TO shop_owner;
GRANT pg_read_all_stats TO shop_owner;
CREATE SCHEMA shop AUTHORIZATION shop_owner;
GRANT USAGE ON SCHEMA shop TO shop_app;
SET ROLE shop_owner;
CREATE TABLE shop.firm (id uuid PRIMARY KEY, name text NOT NULL);
CREATE TABLE shop."Order ""Line""" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), firm_id uuid NOT NULL REFERENCES shop.firm, amount int NOT NULL);
CREATE TABLE shop.note (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), firm_id uuid NOT NULL REFERENCES shop.firm, body text NOT NULL);
CREATE VIEW shop.total AS SELECT firm_id, sum(amount) AS sum FROM shop."Order ""Line""" GROUP BY firm_id;
GRANT SELECT, INSERT, UPDATE, DELETE ON shop.firm, shop."Order ""Line""", shop.note TO shop_app;
GRANT SELECT ON shop.total TO shop_app;
INSERT INTO shop.firm SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, 'firm ' || i FROM generate_series(1, 3) i;
INSERT INTO shop."Order ""Line""" (firm_id, amount) SELECT f.id, i FROM shop.firm f, generate_series(1, 200) i;
INSERT INTO shop.note (firm_id, body) SELECT f.id, 'note ' || i FROM shop.firm f, generate_series(1, 200) i;
RESET ROLE;`

// shopConfig is what its people say of it.
const shopConfig = `tenant_columns: [firm_id]
context: app.firm_id
roles:
  application: [shop_app]
  owner: [shop_owner]
`

// A system is what a test works on: a schema with its roles, loaded into a server of its own, and its ringfence.yaml.
type system struct {
	name    string
	config  string
	load    func(t testing.TB, db *pgtest.Database)
	owner   string   // who applies
	creator string   // who may make schemas in the database; "" for its owner alone
	allow   []string // what the plan is allowed, as flags
	view    bool     // the application may read a view
	clean   string   // nothing of this severity or above is found after apply
	undo    []string // what taking back is allowed, as flags
	writer  string   // a statement that keeps a concurrent build waiting
}

var shop = system{name: "shop", view: true, config: shopConfig, owner: "shop_owner", creator: "shop_owner", clean: "medium", load: loadShop,
	writer: `UPDATE shop."Order ""Line""" SET amount = amount WHERE amount = 1`}

func loadShop(t testing.TB, db *pgtest.Database) {
	t.Helper()
	pgtest.LoadSQL(t, db, replaceDatabase(shopSchema, db.Name))
}

// fingerprints gives the catalogue of a database, object by object, without Ringfence's own schema.
func fingerprints(t testing.TB, dsn string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pg.Connect(ctx, dsn, pg.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	snap, err := catalog.Read(ctx, conn, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	prints := snap.Fingerprints()
	if len(prints) < 3 {
		t.Fatalf("the catalogue has %d objects: there is nothing to compare", len(prints))
	}
	return prints
}

// differ lists the objects in which two catalogues differ.
func differ(a, b map[string]string) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var out []string
	for name := range all {
		if a[name] != b[name] {
			out = append(out, fmt.Sprintf("%s (%.8s, %.8s)", name, a[name], b[name]))
		}
	}
	slices.Sort(out)
	return out
}

// same fails where two catalogues differ, and says in what.
func same(t testing.TB, what string, want, got map[string]string) {
	t.Helper()
	if d := differ(want, got); len(d) > 0 {
		t.Errorf("%s: %d objects differ (before, after): %v", what, len(d), d)
	}
}

// eventually polls the database until a condition holds: another process's moves send no event here.
func eventually(t testing.TB, conn *pgx.Conn, what, query string, args ...any) {
	t.Helper()
	whileRunning(t, &process{}, conn, what, query, args...)
}

// whileRunning is eventually, and fails as soon as the program ends.
func whileRunning(t testing.TB, p *process, conn *pgx.Conn, what, query string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for {
		var yes bool
		if err := conn.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		if yes {
			return
		}
		select {
		case <-p.ended:
			t.Fatalf("the program ended before %s: %v\n%s", what, p.err, tail(p.stderr.String()))
		case <-ctx.Done():
			t.Fatalf("waiting until %s: it took too long", what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// replaceDatabase puts the database's quoted name where a script says :database.
func replaceDatabase(sql, name string) string {
	return strings.ReplaceAll(sql, ":database", pg.Ident(name))
}
