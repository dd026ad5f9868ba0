package signed

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const (
	tenantA = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	tenantB = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
)

func key(t testing.TB, id string) Key {
	t.Helper()
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		t.Fatal(err)
	}
	k, err := NewKey(id, secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// installed makes the verifier, a table of n rows for each of two tenants, and an application role. The owner role belongs to
// the whole cluster, so that the server is one of its own.
func installed(t testing.TB, keys []Key, rows int) (*pgtest.Database, *pgx.Conn) {
	t.Helper()
	db := pgtest.Server(t, 0).DB(t)
	for _, sql := range Install() {
		db.Exec(t, sql)
	}
	for _, k := range keys {
		inner, outer := k.Pads()
		db.Exec(t, InsertKey, k.ID(), inner, outer)
	}
	app := db.Role(t, "app", "LOGIN")
	pgtest.LoadSQL(t, db, strings.NewReplacer("{app}", pg.Ident(app), "{A}", tenantA, "{B}", tenantB, "{n}", fmt.Sprint(rows)).Replace(`
CREATE TABLE doc (id int, tenant_id uuid NOT NULL, body text, PRIMARY KEY (tenant_id, id));
INSERT INTO doc SELECT i, t::uuid, 'x' FROM generate_series(1, {n}) i, (VALUES ('{A}'), ('{B}')) v(t);
CREATE TABLE plain (LIKE doc INCLUDING ALL); INSERT INTO plain SELECT * FROM doc; CREATE TABLE bare (LIKE doc INCLUDING ALL); INSERT INTO bare SELECT * FROM doc;
ANALYZE;
ALTER TABLE doc ENABLE ROW LEVEL SECURITY; ALTER TABLE plain ENABLE ROW LEVEL SECURITY; ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON doc USING (tenant_id = (SELECT ringfence.verified_tenant()::uuid));
CREATE POLICY p ON bare USING (tenant_id = ringfence.verified_tenant()::uuid);
CREATE POLICY p ON plain USING (tenant_id = (SELECT NULLIF(current_setting('app.tenant_id', true), '')::uuid));
GRANT SELECT ON doc, plain, bare TO {app};`))
	return db, db.Conn(t, app)
}

// sees returns the tenants whose rows a token shows; nil: the setting is not set.
func sees(t testing.TB, conn *pgx.Conn, token *string) string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if token != nil {
		if _, err := tx.Exec(t.Context(), Use, *token); err != nil {
			t.Fatal(err)
		}
	}
	var out string
	if err := tx.QueryRow(t.Context(), "SELECT COALESCE(string_agg(DISTINCT tenant_id::text, ' '), '') FROM doc").Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func sign(t testing.TB, k Key, tenant string) string {
	t.Helper()
	now := time.Now()
	token, err := k.Sign(tenant, now, now.Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestVerify shows rows to a token that counts, its own tenant's, and none to any other.
func TestVerify(t *testing.T) {
	k, stranger := key(t, "k1"), key(t, "k1")
	_, conn := installed(t, []Key{k, key(t, "k2")}, 3)
	if got := sees(t, conn, nil); got != "" {
		t.Errorf("without a token: %q", got) // first: the setting has never been set in this session
	}
	good := sign(t, k, tenantA)
	if got := sees(t, conn, &good); got != tenantA {
		t.Fatalf("its own token shows %q", got)
	}
	parts := strings.Split(good, ".")
	with := func(i int, v string) string {
		p := append([]string(nil), parts...)
		p[i] = v
		return strings.Join(p, ".")
	}
	now := time.Now()
	expired, err := k.Sign(tenantA, now.Add(-50*time.Second), now.Add(-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{
		"empty": "", "white space": " ", "malformed": "no token", "only a tenant": tenantA, "dots": "...", "long": strings.Repeat("x", 4000),
		"forged by a stranger's key": sign(t, stranger, tenantA), "another tenant under the signature": with(1, tenantB),
		"another key's id": with(0, "k2"), "an unknown key's id": with(0, "k9"), "a later expiry": with(2, fmt.Sprint(now.Unix()+50)),
		"an expiry too large": with(2, "99999999999"), "no signature": strings.Join(parts[:3], "."), "an empty signature": with(3, ""),
		"a signature in capitals": with(3, strings.ToUpper(parts[3])), "a longer signature": good + "0", "a line feed": good + "\n",
		"expired": expired, "SQL": "k1." + tenantA + "' OR true --." + parts[2] + "." + parts[3],
	}
	for name, token := range bad {
		if got := sees(t, conn, &token); got != "" {
			t.Errorf("%s: shows %q", name, got)
		}
	}
	if got := sees(t, conn, &good); got != tenantA {
		t.Errorf("at the end its own token shows %q", got)
	}
}

// TestLongLife refuses a token that its signer made to live longer than tokens may.
func TestLongLife(t *testing.T) {
	k := key(t, "k1")
	_, conn := installed(t, []Key{k}, 1)
	future := time.Now().Add(time.Hour)
	token, err := k.Sign(tenantA, future, future.Add(30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if got := sees(t, conn, &token); got != "" {
		t.Errorf("a token that lives an hour shows %q", got)
	}
}

// TestInjected is SQL that an attacker runs in the application's name, in a session that has a proper token.
func TestInjected(t *testing.T) {
	k := key(t, "k1")
	_, conn := installed(t, []Key{k}, 2)
	mine := sign(t, k, tenantA)
	for _, sql := range []string{
		"SELECT set_config('ringfence.token', '" + tenantB + "', true)",
		"SELECT set_config('ringfence.token', replace(current_setting('ringfence.token'), '" + tenantA + "', '" + tenantB + "'), true)",
		"SELECT set_config('app.tenant_id', '" + tenantB + "', true)",
		"SELECT inner_pad FROM ringfence.context_key",
		"UPDATE ringfence.context_key SET retired_at = NULL",
		"INSERT INTO ringfence.context_key VALUES ('mine', repeat('x', 64)::bytea, repeat('x', 64)::bytea)",
		"SET LOCAL ROLE ringfence_context",
		"CREATE OR REPLACE FUNCTION ringfence.verified_tenant() RETURNS text LANGUAGE sql AS 'SELECT ''" + tenantB + "'''",
		"CREATE TEMP TABLE context_key (kid text, inner_pad bytea, outer_pad bytea, retired_at timestamptz)",
		"SET LOCAL search_path = pg_temp, public",
	} {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), Use, mine); err != nil {
			t.Fatal(err)
		}
		_, _ = tx.Conn().PgConn().Exec(t.Context(), "SAVEPOINT s; "+sql).ReadAll()
		if tx.Conn().PgConn().TxStatus() == 'E' {
			if _, err := tx.Exec(t.Context(), "ROLLBACK TO SAVEPOINT s"); err != nil {
				t.Fatal(err)
			}
		}
		var foreign int
		if err := tx.QueryRow(t.Context(), "SELECT count(*) FROM public.doc WHERE tenant_id = $1", tenantB).Scan(&foreign); err != nil || foreign != 0 {
			t.Errorf("after %s: %d foreign rows, %v", sql, foreign, err)
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if got := sees(t, conn, &mine); got != tenantA {
		t.Errorf("at the end its own token shows %q", got)
	}
}

// TestRotate exchanges the key while tokens of both are in use.
func TestRotate(t *testing.T) {
	old, fresh := key(t, "2026-01"), key(t, "2026-02")
	db, conn := installed(t, []Key{old}, 1)
	ofOld := sign(t, old, tenantA)
	inner, outer := fresh.Pads()
	db.Exec(t, InsertKey, fresh.ID(), inner, outer)
	ofFresh := sign(t, fresh, tenantA)
	for _, token := range []string{ofOld, ofFresh} {
		if got := sees(t, conn, &token); got != tenantA {
			t.Errorf("while both keys count, %s… shows %q", token[:7], got)
		}
	}
	db.Exec(t, RetireKey, old.ID(), 3600)
	if got := sees(t, conn, &ofOld); got != tenantA {
		t.Errorf("a key that is to retire later shows %q", got)
	}
	db.Exec(t, "UPDATE ringfence.context_key SET retired_at = NULL")
	db.Exec(t, RetireKey, old.ID(), 0)
	if got := sees(t, conn, &ofOld); got != "" {
		t.Errorf("a retired key shows %q", got)
	}
	if got := sees(t, conn, &ofFresh); got != tenantA {
		t.Errorf("the new key shows %q", got)
	}
}

// TestSign refuses what no token may be, and shows no secret.
func TestSign(t *testing.T) {
	if _, err := NewKey("has.dot", make([]byte, 32)); err == nil {
		t.Error("an id with a dot was taken")
	}
	if _, err := NewKey("k", make([]byte, 31)); err == nil {
		t.Error("a short secret was taken")
	}
	k := key(t, "k1")
	now := time.Now()
	for _, c := range []struct {
		tenant string
		life   time.Duration
	}{{"", time.Second}, {"a\nb", time.Second}, {strings.Repeat("x", 257), time.Second}, {"a", 61 * time.Second}, {"a", 0}, {"a\xff", time.Second}} {
		if token, err := k.Sign(c.tenant, now, now.Add(c.life)); err == nil {
			t.Errorf("Sign(%q, %s) made %s", c.tenant, c.life, token)
		}
	}
	if _, err := (Key{}).Sign("a", now, now.Add(time.Second)); err == nil {
		t.Error("the zero key signed")
	}
	if got := fmt.Sprintf("%v %+v %#v %s", k, k, k, k); strings.ReplaceAll(got, "signing key k1", "") != "   " {
		t.Errorf("printed: %s", got)
	}
}

// BenchmarkSigned measures what a statement costs with the plain setting, the signed one, and the signed one asked for each row. The ways
// take turns, so that all meet the same load; a figure is the median of a way's calls.
func BenchmarkSigned(b *testing.B) {
	k := key(b, "k1")
	_, conn := installed(b, []Key{k}, 10000)
	tx, err := conn.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(b.Context())) }()
	type way struct{ name, sql string }
	ways := func(read string) []way {
		return []way{{"plain", fmt.Sprintf(read, "plain")}, {"signed", fmt.Sprintf(read, "doc")}, {"signed_for_each_row", fmt.Sprintf(read, "bare")}}
	}
	for _, c := range []struct {
		name  string
		ways  []way
		index string // whether an index may find the tenant's rows
	}{
		{"one_row_by_its_key", ways("SELECT body FROM %s WHERE id = 7 AND tenant_id = '" + tenantA + "'"), "on"},
		{"10,000_rows_by_an_index", ways("SELECT count(body) FROM %s"), "on"},
		{"10,000_of_20,000_rows_scanned", ways("SELECT count(body) FROM %s /* planned anew */"), "off"},
	} {
		b.Run(c.name, func(b *testing.B) {
			took := make([][]time.Duration, len(c.ways))
			for n := 0; b.Loop(); n++ {
				if n%8 == 0 { // a token lives a minute
					if _, err := tx.Exec(b.Context(), "SELECT set_config('ringfence.token', $1, true), set_config('app.tenant_id', $2, true), set_config('enable_indexscan', $3, true), set_config('enable_bitmapscan', $3, true)", sign(b, k, tenantA), tenantA, c.index); err != nil {
						b.Fatal(err)
					}
				}
				for i := range c.ways {
					w := (i + n) % len(c.ways)
					begin := time.Now()
					if err := tx.QueryRow(b.Context(), c.ways[w].sql).Scan(new(any)); err != nil {
						b.Fatal(err)
					}
					took[w] = append(took[w], time.Since(begin))
				}
			}
			b.ReportMetric(0, "ns/op")
			for i, w := range c.ways {
				slices.Sort(took[i])
				b.ReportMetric(float64(took[i][len(took[i])/2].Nanoseconds())/1000, w.name+"-µs")
			}
		})
	}
}
