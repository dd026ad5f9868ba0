package apply

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// uninterrupted is the state that a run ends in when nothing happens to it.
func uninterrupted(t *testing.T) [][]string {
	t.Helper()
	s := newShop(t)
	if _, err := Run(t.Context(), s.options(shopPlan())); err != nil {
		t.Fatalf("applying without interruption: %v", err)
	}
	return s.state(t)
}

// resume runs the plan to its end in this process and compares.
func (s *shop) resume(t *testing.T, want [][]string) *Result {
	t.Helper()
	res, err := Run(t.Context(), s.options(shopPlan()))
	if err != nil {
		t.Fatalf("resuming: %v", err)
	}
	if diff := cmp.Diff(want, s.state(t)); diff != "" {
		t.Errorf("the database after kill and resume (-uninterrupted +resumed):\n%s", diff)
	}
	// What was started must be known as ours, so that it can be taken back.
	if n := res.Count(Already); n != 0 {
		t.Errorf("%d steps that a killed run did are taken for others' work: %v", n, outcomes(res))
	}
	return res
}

func TestKilledAtEveryStepBoundary(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	steps := len(shopPlan().Steps)
	killed := 0
	for _, kind := range []EventKind{EventBegin, EventEnd} {
		for step := 1; step <= steps; step++ {
			t.Run(fmt.Sprintf("%s_%d", kind, step), func(t *testing.T) {
				s := newShop(t)
				c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan()})
				c.until(t, func(e Event) bool { return e.Kind == kind && e.Step == step })
				c.kill(t)
				killed++
				s.resume(t, want)
			})
		}
	}
	if killed != 2*steps {
		t.Errorf("%d children died by signal 9, not %d", killed, 2*steps)
	}
}

func TestKilledBetweenBatches(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	for batch := 1; batch <= 3; batch++ {
		s := newShop(t)
		c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan()})
		e := c.until(t, func(e Event) bool { return e.Kind == EventProgress && e.Step == 3 && e.Done >= int64(120*batch) })
		c.kill(t)
		left := pgtest.Value[int64](t, s.Super, `SELECT count(*) FROM shop."Line ""Item""" WHERE org IS NULL`)
		if left != 500-e.Done {
			t.Errorf("killed after %d rows were reported, %d are left of 500", e.Done, left)
		}
		if got := s.resume(t, want).Steps[2].Rows; got != 500 {
			t.Errorf("both runs together count %d rows, not 500", got)
		}
	}
}

// eventually polls a condition on the database; there is no event to wait for when another process's backend moves.
func eventually(t *testing.T, conn *pgx.Conn, what, query string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		var yes bool
		if err := conn.QueryRow(ctx, query, args...).Scan(&yes); err != nil {
			t.Fatalf("waiting until %s: %v", what, err)
		}
		if yes {
			return
		}
	}
}

// TestKilledInsideTransactions kills a child while its step's transaction stands at the run log's insert, after its DDL.
func TestKilledInsideTransactions(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	for _, step := range []int{2, 4, 5, 7} {
		t.Run(fmt.Sprint(step), func(t *testing.T) {
			s := newShop(t)
			c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan(), LockMin: time.Second})
			c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == step })
			blocker := s.Conn(t, "")
			tx, err := blocker.Begin(t.Context())
			if err == nil {
				_, err = tx.Exec(t.Context(), "LOCK TABLE ringfence.apply_step IN SHARE MODE")
			}
			if err != nil {
				t.Fatal(err)
			}
			c.goOn(t)
			if step == 5 { // the group's second step begins too
				c.until(t, func(e Event) bool { return e.Kind == EventBegin })
				c.goOn(t)
			}
			eventually(t, s.Super, "the step waits at the run log", `SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
				WHERE NOT granted AND relation = 'ringfence.apply_step'::regclass AND application_name LIKE '%/' || $1 || '/1')`, fmt.Sprint(step))
			c.kill(t)
			if err := tx.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.resume(t, want)
		})
	}
}

// openWriter begins a transaction that wrote shop.invoice, which a concurrent build has to wait for.
func (s *shop) openWriter(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := s.Conn(t, s.owner).Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "UPDATE shop.invoice SET amount = amount WHERE id = 1")
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

// killInsideBuild kills a child whose index build waits for an open writer, and gives that writer.
func (s *shop) killInsideBuild(t *testing.T) pgx.Tx {
	t.Helper()
	writer := s.openWriter(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan()})
	c.until(t, func(e Event) bool {
		return e.Step == 1 && e.Phase == "waiting for writers before build" && len(e.Blockers) == 1
	})
	c.kill(t)
	if invalid := pgtest.Value[bool](t, s.Super, "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = 'shop.invoice_org_idx'::regclass"); !invalid {
		t.Fatal("the index is valid already: the kill did not hit inside the build")
	}
	return writer
}

func TestKilledInsideBuildServerFinishes(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	s := newShop(t)
	if err := s.killInsideBuild(t).Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.Super, "the server has finished the build", "SELECT indisvalid FROM pg_index WHERE indexrelid = 'shop.invoice_org_idx'::regclass")
	if got := s.resume(t, want).Steps[0].Outcome; got != Adopted {
		t.Errorf("the build is %q, not adopted", got)
	}
}

func TestKilledInsideBuildAdoptedWhileRunning(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	s := newShop(t)
	writer := s.killInsideBuild(t)
	var once bool
	opts := s.options(shopPlan())
	opts.Progress = func(e Event) {
		if e.Kind == EventWaiting && e.Step == 1 && !once {
			once = true
			if err := writer.Rollback(context.WithoutCancel(t.Context())); err != nil {
				t.Error(err)
			}
		}
	}
	res, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatalf("resuming beside the running build: %v", err)
	}
	if !once {
		t.Error("the resumed run did not wait for the running build")
	}
	if got := res.Steps[0].Outcome; got != Adopted {
		t.Errorf("the build is %q, not adopted", got)
	}
	if diff := cmp.Diff(want, s.state(t)); diff != "" {
		t.Errorf("the database (-uninterrupted +resumed):\n%s", diff)
	}
}

func TestKilledInsideBuildLeftoverRepaired(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	s := newShop(t)
	writer := s.killInsideBuild(t)
	s.Exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()")
	eventually(t, s.Super, "the build is gone", "SELECT NOT EXISTS (SELECT FROM pg_stat_progress_create_index WHERE datname = current_database())")
	if err := writer.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if invalid := pgtest.Value[bool](t, s.Super, "SELECT NOT indisvalid FROM pg_index WHERE indexrelid = 'shop.invoice_org_idx'::regclass"); !invalid {
		t.Fatal("the ended build left no invalid index, so there is nothing to repair")
	}
	if got := s.resume(t, want).Steps[0].Outcome; got != Did {
		t.Errorf("the build is %q, not done", got)
	}
}
