package prove

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestDefiners compares the verdict on definers' functions with what the server does. A case of testdata/definers.txt is "# name",
// "want: VERDICT shows|hides", and a body, "returns TYPE" before it where it returns no set of texts. The first tenant calls each function
// while the second one has rows and while it has none: a function that answers alike hides them, and none that shows them may be proved.
func TestDefiners(t *testing.T) {
	setup, err := os.ReadFile("testdata/definers.sql")
	if err != nil {
		t.Fatal(err)
	}
	cases, err := os.ReadFile("testdata/definers.txt")
	if err != nil {
		t.Fatal(err)
	}
	db := pgtest.DB(t)
	app := db.Role(t, "app", "LOGIN")
	db.Exec(t, strings.NewReplacer("{app}", pg.Ident(app), "{owner}", pg.Ident(db.Role(t, "owner", "NOLOGIN"))).Replace(string(setup)))
	blocks := strings.Split(strings.TrimSpace(string(cases)), "\n\n")
	for i, block := range blocks {
		db.Exec(t, function(i, block))
	}
	_, cells := executed(t, db, app)
	full, alone := db.Conn(t, app), db.Conn(t, app)
	for i, block := range blocks {
		name, rest, _ := strings.Cut(strings.TrimPrefix(block, "# "), "\n")
		t.Run(name, func(t *testing.T) {
			verdict := "none"
			for _, c := range cells {
				if len(c.Path) > 0 && strings.HasPrefix(c.Path[0].Name, fmt.Sprintf("s.f%03d(", i)) && (verdict == "none" || verdict == "proved" || c.Verdict == Leak) {
					verdict = string(c.Verdict)
				}
			}
			db.Exec(t, `INSERT INTO s.doc VALUES (1, '22222222-2222-2222-2222-222222222222', 'secret')`)
			with := answer(t, full, i)
			db.Exec(t, `DELETE FROM s.doc WHERE body = 'secret'`)
			did := "hides"
			if without := answer(t, alone, i); with != without {
				did = "shows"
			}
			want, _, _ := strings.Cut(strings.TrimPrefix(rest, "want: "), "\n")
			if got := verdict + " " + did; got != want {
				t.Errorf("%s, want %s; the function answers %s", got, want, with)
			}
		})
	}
}

// function is the statement that makes a case's function.
func function(i int, block string) string {
	_, body, _ := strings.Cut(block, "\nwant: ")
	_, body, _ = strings.Cut(body, "\n")
	returns := "SETOF text"
	if strings.HasPrefix(body, "returns ") {
		returns, body, _ = strings.Cut(strings.TrimPrefix(body, "returns "), "\n")
	}
	return fmt.Sprintf("CREATE FUNCTION s.f%03d(x text) RETURNS %s LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ %s $$", i, returns, body)
}

// answer is what a function gives the first tenant, or its error, in a transaction that is rolled back.
func answer(t *testing.T, conn *pgx.Conn, i int) string {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context()) //nolint:errcheck // nothing to keep
	if _, err := tx.Exec(t.Context(), `SELECT set_config('app.tid', '11111111-1111-1111-1111-111111111111', true)`); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), fmt.Sprintf("SELECT r::text FROM s.f%03d('secret') r", i))
	if err != nil {
		return err.Error()
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[*string])
	out := fmt.Sprint(err)
	for _, s := range all {
		if s != nil {
			out += " " + *s
		}
	}
	return out
}
