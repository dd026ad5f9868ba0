package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// withoutFill is shopPlan without the step that has no way back.
func withoutFill() *plan.Plan {
	p := shopPlan()
	p.Steps = append(p.Steps[:2:2], p.Steps[3:]...)
	return p
}

func TestRollbackRestoresTheDatabase(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	before := s.state(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	if cmp.Equal(before, s.state(t)) {
		t.Fatal("applying changed nothing, so there is nothing to take back")
	}
	res, err := Rollback(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Undone, Undone, Undone, Undone, Undone, Undone}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the database (-before +after rollback):\n%s", diff)
	}
	again, err := Rollback(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("taking back again: %v", err)
	}
	if diff := cmp.Diff([]Outcome{UndoneAgo, UndoneAgo, UndoneAgo, UndoneAgo, UndoneAgo, UndoneAgo}, outcomes(again)); diff != "" {
		t.Errorf("outcomes of the second rollback (-want +got):\n%s", diff)
	}
	forward, err := Run(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("applying after the rollback: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Did, Did, Did, Did, Did, Did}, outcomes(forward)); diff != "" {
		t.Errorf("outcomes of applying after the rollback (-want +got):\n%s", diff)
	}
}

func TestRollbackLeavesWhatWasThereBefore(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.Exec(t, `ALTER TABLE shop.invoice ENABLE ROW LEVEL SECURITY`)
	before := s.state(t)
	p := withoutFill()
	applied, err := Run(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Did, Did, Did, Did, Already, Did}, outcomes(applied)); diff != "" {
		t.Errorf("outcomes of applying (-want +got):\n%s", diff)
	}
	res, err := Rollback(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Undone, Undone, Undone, Undone, NotOurs, Undone}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the database (-before +after rollback):\n%s", diff)
	}
}

func TestRollbackOfOneTable(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	opts := s.options(p)
	opts.Only = []string{"shop.invoice"}
	res, err := Rollback(t.Context(), opts)
	if err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Undone, LeftOut, LeftOut, Undone, Undone, Undone}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestRollbackAsksBeforeDroppingValues(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	s.Exec(t, `UPDATE shop."Line ""Item""" SET seen = now() WHERE id = 7`)
	before := s.state(t)
	_, err := Rollback(t.Context(), s.options(p))
	var ask *AskError
	if !errors.As(err, &ask) || !errors.Is(err, ErrRefused) {
		t.Fatalf("taking back a column that holds a value: %v", err)
	}
	name := `"shop"."Line ""Item"""."seen"`
	want := []Question{{Name: name, Step: "column:item", Object: name, Why: "holds values written since the plan added it; dropping it loses them"}}
	if diff := cmp.Diff(want, ask.Questions); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the refusal changed the database:\n%s", diff)
	}
	opts := s.options(p)
	opts.Allow = []string{name}
	if _, err := Rollback(t.Context(), opts); err != nil {
		t.Errorf("taking back what was allowed: %v", err)
	}
}

// A column that the plan itself filled holds nothing of anybody else's until somebody writes.
func TestRollbackTellsOwnFillFromValuesWrittenSince(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	fill := shopPlan().Steps[2]
	fill.ID = "fill:seen"
	fill.Do = []string{`UPDATE "shop"."Line ""Item""" SET seen = 'epoch' WHERE id IN (SELECT id FROM "shop"."Line ""Item""" WHERE seen IS NULL LIMIT $1)`}
	fill.Done = `SELECT NOT EXISTS (SELECT FROM "shop"."Line ""Item""" WHERE seen IS NULL)`
	fill.NoUndo = ""
	p.Steps = append(p.Steps, fill)
	for _, written := range []bool{false, true} {
		if _, err := Run(t.Context(), s.options(p)); err != nil {
			t.Fatalf("applying: %v", err)
		}
		if written {
			s.Exec(t, `UPDATE shop."Line ""Item""" SET seen = now() WHERE id = 7`)
		}
		_, err := Rollback(t.Context(), s.options(p))
		if asked := errors.As(err, new(*AskError)); asked != written {
			t.Errorf("values written since: %v, asked: %v (%v)", written, asked, err)
		}
	}
}

func TestRollbackOfAKilledRun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	before := s.state(t)
	writer := s.openWriter(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: withoutFill()})
	c.until(t, func(e Event) bool { return e.Step == 1 && e.Phase == "waiting for writers before build" })
	c.kill(t)
	s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()")
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.Super, "the build is gone", "SELECT NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE datname = current_database())")
	if _, err := Rollback(t.Context(), s.options(withoutFill())); err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the database (-before +after rollback of a killed run):\n%s", diff)
	}
}

func TestKilledRollbackResumes(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	before := s.state(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	for _, step := range []int{6, 3, 1} {
		c := self(t, job{DSN: s.DSN(s.owner), Plan: p, Undo: "all"})
		c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == step })
		c.kill(t)
	}
	if _, err := Rollback(t.Context(), s.options(p)); err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the database (-before +after):\n%s", diff)
	}
}

func TestRollbackStopsAtWhatOthersChanged(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	s.Exec(t, `DROP POLICY own ON shop.invoice`)
	before := s.state(t)
	_, err := Rollback(t.Context(), s.options(p))
	var ind *IndeterminateError
	if !errors.As(err, &ind) {
		t.Fatalf("taking back a policy that somebody else dropped: %v", err)
	}
	if len(ind.Disagreements) != 1 {
		t.Errorf("disagreements: %q", ind.Disagreements)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the refusal changed the database:\n%s", diff)
	}
	if _, err := Run(t.Context(), s.options(p)); !errors.As(err, &ind) {
		t.Errorf("applying over it: %v", err)
	}
}

// TestRollbackPassesOverWhatIsGone drops a table after the plan, as partitions are dropped when they are old: its steps are gone with it,
// and the other tables' are taken back.
func TestRollbackPassesOverWhatIsGone(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	s.Exec(t, "DROP TABLE shop.invoice CASCADE")
	checked, err := Verify(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("verifying: %v", err)
	}
	for _, v := range checked {
		if gone := v.Table == "shop.invoice"; v.Gone != gone || v.Done == nil || *v.Done == gone {
			t.Errorf("step %d on %s: gone %v, done %v, %s", v.Step, v.Table, v.Gone, v.Done, v.Why)
		}
	}
	res, err := Rollback(t.Context(), s.options(p))
	if err != nil {
		t.Fatalf("taking back: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Gone, Undone, Undone, Gone, Gone, Gone}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

func TestEmergencyOpensAndRunCloses(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := withoutFill()
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("applying: %v", err)
	}
	closed := s.state(t)
	flags := func() []string {
		return s.Query(t, "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = 'shop.invoice'::regclass")[0]
	}
	for _, e := range []struct {
		rung Rung
		want []string
	}{{RungNoForce, []string{"t", "f"}}, {RungInsecureDisable, []string{"f", "f"}}} {
		if _, err := RollbackEmergency(t.Context(), s.options(p), Emergency{Rung: e.rung, Reason: "nobody can log in"}); err != nil {
			t.Fatalf("opening: %v", err)
		}
		if diff := cmp.Diff(e.want, flags()); diff != "" {
			t.Errorf("%s: enabled, forced (-want +got):\n%s", e.rung, diff)
		}
	}
	reasons := s.Query(t, "SELECT kind, state, reason FROM ringfence.apply_run WHERE kind = 'emergency' ORDER BY fence")
	want := [][]string{{"emergency", "ended", "no-force: nobody can log in"}, {"emergency", "ended", "insecure-disable: nobody can log in"}}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("the run log (-want +got):\n%s", diff)
	}
	if _, err := RollbackEmergency(t.Context(), s.options(p), Emergency{Rung: RungNoForce}); err == nil {
		t.Error("an emergency return without a reason was done")
	}
	if _, err := Run(t.Context(), s.options(p)); err != nil {
		t.Fatalf("closing again: %v", err)
	}
	if diff := cmp.Diff(closed, s.state(t)); diff != "" {
		t.Errorf("the database after closing again (-want +got):\n%s", diff)
	}
	if n := pgtest.Value[int64](t, s.Super, "SELECT count(*) FROM ringfence.apply_step WHERE direction = 'emergency'"); n < 2 {
		t.Errorf("%d emergency steps are in the run log", n)
	}
}
