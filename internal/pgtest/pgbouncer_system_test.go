//go:build system

package pgtest_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestSystemPgBouncerAdmitsHostileNames(t *testing.T) {
	server := pgtest.Server(t, 0)
	db := server.DB(t)
	role := db.Role(t, `ro'le "x" ü%`, "LOGIN")
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	conn, err := pg.Connect(t.Context(), bouncer.DSN(db.Name, role), pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	got := pgtest.Query(t, conn, "SELECT current_user, current_database()")
	if diff := cmp.Diff([][]string{{role, db.Name}}, got); diff != "" {
		t.Errorf("through PgBouncer (-want +got):\n%s", diff)
	}
}

// TestSystemPgBouncerLeaksSessionSettings is the positive control for all tests that
// a setting does not reach another client: with SET, it does.
func TestSystemPgBouncerLeaksSessionSettings(t *testing.T) {
	server := pgtest.Server(t, 0)
	bouncer := pgtest.PgBouncer(t, server, pgtest.BouncerOptions{})
	first, err := pg.Connect(t.Context(), bouncer.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close(t.Context())
	second, err := pg.Connect(t.Context(), bouncer.DSN("postgres", pg.Superuser), pg.Options{SimpleProtocol: true})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close(t.Context())
	if _, err := first.Exec(t.Context(), "SET row_security = off"); err != nil {
		t.Fatal(err)
	}
	if got := pgtest.Query(t, second, "SHOW row_security"); got[0][0] != "off" {
		t.Errorf("the other client has row_security %s: this pooler does not show what it should", got[0][0])
	}
}
