package apply

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// A step on a partitioned table changes its partitions, and one on a role changes tables' rights; steps that follow on
// these, in the same run, in a later one and on the way back, are not stale for that.
func TestOwnChangesBesideAreNotOthers(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	pgtest.LoadSQL(t, s.Database, fmt.Sprintf(`SET ROLE %s; CREATE TABLE shop.day (org uuid, d date) PARTITION BY RANGE (d);
		CREATE TABLE shop.day_1 PARTITION OF shop.day DEFAULT; RESET ROLE`, pg.Ident(s.owner)))
	app := s.Role(t, "app", "")
	ax := plan.AccessExclusive
	p := &plan.Plan{Schema: plan.SchemaVersion, Steps: []plan.Step{
		{ID: "column", Kind: "updated_at", Object: "shop.day", Table: "shop.day", Lock: ax, Transaction: "own",
			Do:   []string{`ALTER TABLE shop.day ADD COLUMN seen date`},
			Done: `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('shop.day') AND attname = 'seen' AND NOT attisdropped)`,
			Undo: []string{`ALTER TABLE shop.day DROP COLUMN seen`}, UndoLock: ax},
		{ID: "partition", Kind: "enable_rls", Object: "shop.day_1", Table: "shop.day_1", Lock: ax, Transaction: "own",
			Do:   []string{`ALTER TABLE shop.day_1 ENABLE ROW LEVEL SECURITY`},
			Done: `SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('shop.day_1')`,
			Undo: []string{`ALTER TABLE shop.day_1 DISABLE ROW LEVEL SECURITY`}, UndoLock: ax},
		{ID: "rights", Kind: "grant", Object: "the application's role", Transaction: "own",
			Do:   []string{`GRANT SELECT ON shop.invoice, shop.day_1 TO ` + pg.Ident(app)},
			Done: `SELECT has_table_privilege(` + pg.Literal(app) + `, 'shop.day_1', 'SELECT')`,
			Undo: []string{`REVOKE SELECT ON shop.invoice, shop.day_1 FROM ` + pg.Ident(app)}},
		{ID: "invoice", Kind: "enable_rls", Object: "shop.invoice", Table: "shop.invoice", Lock: ax, Transaction: "own",
			Do:   []string{`ALTER TABLE shop.invoice ENABLE ROW LEVEL SECURITY`},
			Done: `SELECT relrowsecurity FROM pg_class WHERE oid = to_regclass('shop.invoice')`,
			Undo: []string{`ALTER TABLE shop.invoice DISABLE ROW LEVEL SECURITY`}, UndoLock: ax},
	}}
	for _, at := range []int{2, 4} {
		c := self(t, job{DSN: s.DSN(s.owner), Plan: p})
		c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == at })
		c.kill(t)
	}
	// As if the run had been killed between the last COMMIT and the note of what it changed beside.
	s.Exec(t, `UPDATE ringfence.apply_step SET objects = objects - 'shop.invoice' - '*' WHERE step = 'rights' AND state = 'effected'`)
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	res, err := Rollback(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Undone, Undone, Undone, Undone}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	// The control: what others do to a partition is still seen.
	opts := s.options(p)
	opts.Progress = func(e Event) {
		if e.Kind == EventBegin && e.Step == 2 {
			s.Exec(t, `ALTER TABLE shop.day_1 ALTER COLUMN seen SET NOT NULL`)
		}
	}
	if _, err := Run(t.Context(), opts); !errors.As(err, new(*StaleError)) {
		t.Errorf("others' change of a partition went unnoticed: %v", err)
	}
}
