//go:build system

package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemPgTAP runs the suite that prove writes: all of it holds on a guarded schema, and once a policy is opened the tests of
// what it opens fail. pgTAP comes from the system's packages.
func TestSystemPgTAP(t *testing.T) {
	p := proved(t, guarded+`CREATE EXTENSION pgtap;
INSERT INTO shop.guarded SELECT gen_random_uuid(), t, 'x' FROM (VALUES ('aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa'::uuid), ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb')) v(t);`)
	file, err := filepath.Abs("isolation.sql")
	if err != nil {
		t.Fatal(err)
	}
	p.want(exitClean, "--pgtap", file)
	before := p.db.Query(t, "SELECT * FROM shop.guarded ORDER BY id")
	if failed, ran := tap(t, p.db, file); len(failed) > 0 || ran < 10 {
		t.Errorf("%d tests ran on the guarded schema, and these failed: %q", ran, failed)
	}
	if after := p.db.Query(t, "SELECT * FROM shop.guarded ORDER BY id"); len(after) != len(before) {
		t.Errorf("%d rows after the suite, %d before", len(after), len(before))
	}
	opened := map[string]string{
		"CREATE POLICY q ON shop.guarded FOR SELECT USING (true)":      "reads shop.guarded: no other rows",
		"CREATE POLICY q ON shop.guarded FOR INSERT WITH CHECK (true)": "makes no row of another tenant in shop.guarded",
		"CREATE POLICY q ON shop.guarded FOR ALL USING (true)":         "deletes from shop.guarded: no other rows",
		"ALTER TABLE shop.guarded DISABLE ROW LEVEL SECURITY":          "moves no row of shop.guarded to another tenant",
		"GRANT TRUNCATE ON shop.guarded TO " + pg.Ident(p.app):         "may not empty shop.guarded",
		"DELETE FROM shop.guarded":                                     "shop.guarded has rows of two tenants",
	}
	for sql, want := range opened {
		p.db.Exec(t, "CREATE TABLE kept AS TABLE shop.guarded")
		p.db.Exec(t, sql)
		if failed, _ := tap(t, p.db, file); !strings.Contains(strings.Join(failed, "\n"), want) {
			t.Errorf("after %s the tests that failed are %q, and none is %q", sql, failed, want)
		}
		pgtest.LoadSQL(t, p.db, "DROP POLICY IF EXISTS q ON shop.guarded; ALTER TABLE shop.guarded ENABLE ROW LEVEL SECURITY; REVOKE TRUNCATE ON shop.guarded FROM "+
			pg.Ident(p.app)+"; TRUNCATE shop.guarded; INSERT INTO shop.guarded TABLE kept; DROP TABLE kept")
	}
}

// tap runs a suite and returns the descriptions of the tests that failed, and how many ran.
func tap(t *testing.T, db *pgtest.Database, file string) (failed []string, ran int) {
	t.Helper()
	out := pgtest.PSQL(t, db, file, "-qAt", "-v", "ON_ERROR_STOP=1")
	for l := range strings.Lines(out) {
		switch {
		case strings.HasPrefix(l, "not ok "):
			failed = append(failed, strings.TrimSpace(l))
			ran++
		case strings.HasPrefix(l, "ok "):
			ran++
		case strings.Contains(l, "ERROR"):
			t.Errorf("the suite stopped: %s", l)
		}
	}
	return failed, ran
}
