package pg_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

const sessionSettings = `SELECT current_setting('row_security'), current_setting('search_path'),
	current_setting('transaction_isolation'), current_setting('transaction_read_only')`

func TestSessionsPinTheirSettings(t *testing.T) {
	db := pgtest.DB(t)
	before := pgtest.Query(t, db.Super, sessionSettings)
	var got [][]string
	look := func(tx pgx.Tx) error {
		got = pgtest.Query(t, tx.Conn(), sessionSettings)
		return nil
	}
	if err := pg.InCatalogTx(t.Context(), db.Super, look); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"off", pg.SearchPath, "repeatable read", "on"}}, got); diff != "" {
		t.Errorf("in a catalogue session (-want +got):\n%s", diff)
	}
	if err := pg.InWorkTx(t.Context(), db.Super, look); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"off", pg.SearchPath, "read committed", "off"}}, got); diff != "" {
		t.Errorf("in a work session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, pgtest.Query(t, db.Super, sessionSettings)); diff != "" {
		t.Errorf("left in the session afterwards (-before +after):\n%s", diff)
	}
}

func TestCatalogSessionSeesOneMoment(t *testing.T) {
	db := pgtest.DB(t)
	db.Exec(t, "CREATE TABLE public.t AS SELECT 1 AS id")
	other := db.Conn(t, pg.Superuser)
	const count = "SELECT count(*) FROM public.t"
	var during int64
	err := pg.InCatalogTx(t.Context(), db.Super, func(tx pgx.Tx) error {
		if _, err := other.Exec(t.Context(), "INSERT INTO public.t VALUES (2)"); err != nil {
			return err
		}
		return tx.QueryRow(t.Context(), count).Scan(&during)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := []int64{during, pgtest.Value[int64](t, db.Super, count)}; got[0] != 1 || got[1] != 2 {
		t.Errorf("rows during and after: %v, want 1 and 2", got)
	}
}

// TestFilteringIsAnErrorInSessions: what row security would hide from a role is
// 42501, and never a shorter answer.
func TestFilteringIsAnErrorInSessions(t *testing.T) {
	db := pgtest.DB(t)
	role := db.Role(t, "reader", "LOGIN")
	db.Exec(t, "CREATE TABLE public.t AS SELECT 1 AS id")
	db.Exec(t, "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY")
	db.Exec(t, "GRANT SELECT ON public.t TO "+pg.Ident(role))
	conn := db.Conn(t, role)
	if got := pgtest.Value[int64](t, conn, "SELECT count(*) FROM public.t"); got != 0 {
		t.Fatalf("outside, row security shows %d rows, want none", got)
	}
	for name, in := range map[string]func(tx func(pgx.Tx) error) error{
		"catalogue": func(fn func(pgx.Tx) error) error { return pg.InCatalogTx(t.Context(), conn, fn) },
		"work":      func(fn func(pgx.Tx) error) error { return pg.InWorkTx(t.Context(), conn, fn) },
	} {
		err := in(func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "SELECT FROM public.t")
			return err
		})
		if pg.SQLState(err) != "42501" {
			t.Errorf("%s session: %v, want 42501", name, err)
		}
	}
}

func TestWorkSessionKeepsAllOrNothing(t *testing.T) {
	db := pgtest.DB(t)
	db.Exec(t, "CREATE TABLE public.t (name text, UNIQUE (name) DEFERRABLE INITIALLY DEFERRED)")
	insert := func(name string, then error) error {
		return pg.InWorkTx(t.Context(), db.Super, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO public.t VALUES ($1)", name); err != nil {
				return err
			}
			return then
		})
	}
	refusal := errors.New("refused")
	if err := insert("kept", nil); err != nil {
		t.Fatal(err)
	}
	if err := insert("refused", refusal); !errors.Is(err, refusal) {
		t.Errorf("error %v, want the function's own", err)
	}
	var commit *pg.CommitError
	if err := insert("kept", nil); !errors.As(err, &commit) || pg.SQLState(err) != "23505" {
		t.Errorf("error %v, want the commit's own, 23505", err)
	}
	func() {
		defer func() { recover() }()
		pg.InWorkTx(t.Context(), db.Super, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO public.t VALUES ('panic')"); err != nil {
				t.Error(err)
			}
			panic("on purpose")
		})
	}()
	if diff := cmp.Diff([][]string{{"kept"}}, db.Query(t, "SELECT name FROM public.t")); diff != "" {
		t.Errorf("rows kept (-want +got):\n%s", diff)
	}
}
