package e2e

import (
	"path/filepath"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestPSQLRunsThePlan runs the plan's files by plain psql, and holds them to what apply and rollback do.
func TestPSQLRunsThePlan(t *testing.T) {
	t.Parallel()
	s := shop
	s.owner = pg.Superuser // psql runs as the superuser here, who then owns what is made
	g := prepare(t, s)
	c := g.copy(t)
	db := &pgtest.Database{Server: g.server, Name: c.super.Config().Database}
	psql := func(file string, args ...string) (string, error) {
		return pgtest.RunPSQL(t, db, filepath.Join(g.dir, "out", file), append([]string{"-v", "ON_ERROR_STOP=1"}, args...)...)
	}
	if out, err := psql("verify.sql"); err == nil {
		t.Errorf("verify.sql is content before anything was done:\n%s", tail(out))
	}
	for range 2 { // the second time changes nothing
		if out, err := psql("forward.sql"); err != nil {
			t.Fatalf("forward.sql: %v\n%s", err, tail(out))
		}
		same(t, "after forward.sql, against apply", g.want, fingerprints(t, c.admin))
	}
	if out, err := psql("verify.sql"); err != nil {
		t.Errorf("verify.sql: %v\n%s", err, tail(out))
	}
	run(t, 0, g.dir, "verify", "out", c.admin, "--no-attack", "--quiet")
	if out, err := psql("rollback.sql", "-v", "drops_values=1"); err != nil {
		t.Fatalf("rollback.sql: %v\n%s", err, tail(out))
	}
	same(t, "after rollback.sql", g.held(), fingerprints(t, c.admin))
}
