package apply

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// rungPlan is a plan with one step for each rung that opens nothing.
func rungPlan() *plan.Plan {
	one := func(id, kind, table, object string, do, undo []string, done string) plan.Step {
		return plan.Step{ID: id, Kind: kind, Object: object, Table: table, Lock: plan.AccessExclusive, Transaction: "own", Do: do, Done: done, Undo: undo, UndoLock: plan.AccessExclusive}
	}
	const body = "BEGIN NEW.amount := 7; RETURN NEW; END"
	return &plan.Plan{Schema: plan.SchemaVersion, Steps: []plan.Step{
		one("s1", "updated_at_function", "", "shop.stamp()", []string{"CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS '" + body + "'"},
			[]string{"DROP FUNCTION shop.stamp()"}, "SELECT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'stamp' AND prosrc = '"+body+"')"),
		one("s2", "updated_at_trigger", "shop.invoice", "stamp on shop.invoice",
			[]string{`CREATE TRIGGER "the stamp" BEFORE UPDATE ON shop.invoice FOR EACH ROW EXECUTE FUNCTION shop.stamp()`}, []string{`DROP TRIGGER "the stamp" ON shop.invoice`},
			"SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgname = 'the stamp' AND tgenabled = 'O')"),
		one("s3", "replace_policy", "shop.invoice", "p on shop.invoice", []string{"DROP POLICY p ON shop.invoice", "CREATE POLICY p ON shop.invoice USING (amount > 1)"},
			[]string{"DROP POLICY p ON shop.invoice", "CREATE POLICY p ON shop.invoice USING (amount > 0)"},
			"SELECT EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polname = 'p' AND pg_catalog.pg_get_expr(polqual, polrelid) LIKE '%> 1%')"),
		one("s4", "unique_swap", "shop.invoice", "u on shop.invoice", []string{"ALTER TABLE shop.invoice DROP CONSTRAINT u, ADD CONSTRAINT u2 UNIQUE (org, amount)"},
			[]string{"ALTER TABLE shop.invoice DROP CONSTRAINT u2, ADD CONSTRAINT u UNIQUE (amount)"},
			"SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conname = 'u2')"),
	}}
}

// Each rung takes back its own kind of step and leaves the others; running the plan again brings all of them back.
func TestRungs(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Exec(t, "ALTER TABLE shop.invoice ADD CONSTRAINT u UNIQUE (amount); CREATE POLICY p ON shop.invoice USING (amount > 0)")
	p := rungPlan()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatal(err)
	}
	whole := s.state(t)
	for rung, left := range map[Rung][]string{
		RungFunction: {"f", "t", "t", "t"}, RungTrigger: {"t", "f", "t", "t"}, RungPolicyForm: {"t", "t", "f", "t"}, RungUnique: {"t", "t", "t", "f"},
	} {
		if _, err := RollbackEmergency(t.Context(), s.options(p), Emergency{Rung: rung, Reason: "a test"}); err != nil {
			t.Fatalf("%s: %v", rung, err)
		}
		var done []string
		for _, step := range p.Steps {
			done = append(done, s.Query(t, step.Done)[0][0])
		}
		if diff := cmp.Diff(left, done); diff != "" {
			t.Errorf("%s leaves (-want +got):\n%s", rung, diff)
		}
		if _, err := Run(t.Context(), s.options(p)); err != nil {
			t.Fatalf("running again after %s: %v", rung, err)
		}
		if diff := cmp.Diff(whole, s.state(t)); diff != "" {
			t.Errorf("running again after %s (-want +got):\n%s", rung, diff)
		}
	}
	// Two tenants hold one value by now: the old constraint has no way back, and nothing was changed.
	s.Exec(t, "INSERT INTO shop.invoice VALUES (1001, '00000000-0000-0000-0000-000000000009', 500)")
	if _, err := RollbackEmergency(t.Context(), s.options(p), Emergency{Rung: RungUnique, Reason: "a test"}); err == nil {
		t.Error("a unique constraint came back over doubles")
	}
	if n := pgtest.Value[int64](t, s.Super, "SELECT count(*) FROM pg_constraint WHERE conname = 'u2'"); n != 1 {
		t.Error("the constraint is gone")
	}
}

// Keep has a roll-back leave steps alone.
func TestRollbackKeeps(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Exec(t, "ALTER TABLE shop.invoice ADD CONSTRAINT u UNIQUE (amount); CREATE POLICY p ON shop.invoice USING (amount > 0)")
	p := rungPlan()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatal(err)
	}
	o := s.options(p)
	o.Keep = func(step *plan.Step) bool { return step.Kind != "replace_policy" }
	result, err := Rollback(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if result.Count(Undone) != 1 || result.Count(LeftOut) != 3 {
		t.Errorf("%+v", result.Steps)
	}
}
