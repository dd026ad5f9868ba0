package apply

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/ringfencehq/ringfence/internal/pgtest"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// only is shopPlan with the steps of these ids.
func only(ids ...string) *plan.Plan {
	p := shopPlan()
	var steps []plan.Step
	for _, s := range p.Steps {
		for _, id := range ids {
			if s.ID == id {
				steps = append(steps, s)
			}
		}
	}
	p.Steps = steps
	return p
}

// reader begins a transaction that read shop.invoice, under an application name of its own.
func (s *shop) reader(t *testing.T) pgx.Tx {
	t.Helper()
	tx, err := s.Conn(t, s.owner).Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), "SET LOCAL application_name = 'nightly report'")
	}
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT count(*) FROM shop.invoice")
	}
	if err == nil {
		_, err = tx.Exec(t.Context(), "SELECT pg_sleep(0.15)") // older than the shortest lock timeout
	}
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestWaitsForOldTransactionsWithoutQueueing(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tx := s.reader(t)
	opts := s.options(only("policy:invoice", "enable:invoice"))
	waits := 0
	opts.Progress = func(e Event) {
		if e.Kind != EventWaiting {
			return
		}
		if waits++; waits > 1 {
			return
		}
		if n := pgtest.Value[int64](t, s.Super, "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'shop.invoice'::regclass"); n != 0 {
			t.Errorf("%d locks are queued for while an old transaction holds the table", n)
		}
		if err := tx.Rollback(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}
	res, err := Run(t.Context(), opts)
	if err != nil {
		t.Fatalf("applying: %v", err)
	}
	if waits == 0 {
		t.Error("the step did not wait for the transaction that held the table")
	}
	if got := res.Steps[0].Attempts; got != 1 {
		t.Errorf("%d attempts, where waiting was to save all but one", got)
	}
}

func TestHeldNamesTheBlocker(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tx := s.reader(t)
	opts := s.options(only("index:invoice", "policy:invoice", "enable:invoice"))
	opts.Locks.Budget = 300 * time.Millisecond
	before := s.state(t)
	res, err := Run(t.Context(), opts)
	var part *PartialError
	var held *HeldError
	if !errors.As(err, &part) || !errors.As(err, &held) {
		t.Fatalf("applying against a transaction that does not end: %v", err)
	}
	if errors.Is(err, ErrRefused) {
		t.Error("waiting in vain is not a refusal")
	}
	if diff := cmp.Diff([]Outcome{Did, Held, NotReached}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if len(part.Done) != 1 || part.Failed.ID != "policy:invoice" {
		t.Errorf("done %v, failed %q", part.Done, part.Failed.ID)
	}
	pid := int32(tx.Conn().PgConn().PID())
	check := func(where string, b []Blocker) {
		t.Helper()
		if len(b) != 1 || b[0].PID != pid || b[0].User != s.owner || b[0].Application != "nightly report" || b[0].AgeSeconds < 0.15 || b[0].Mode != "AccessShareLock" {
			t.Errorf("%s: the blockers are %+v", where, b)
		}
	}
	check("error", held.Blockers)
	var logged []Blocker
	if err := json.Unmarshal([]byte(s.Query(t, "SELECT blockers FROM ringfence.apply_step WHERE state = 'held'")[0][0]), &logged); err != nil {
		t.Fatal(err)
	}
	check("run log", logged)
	if diff := cmp.Diff(before[0][5], s.state(t)[0][5]); diff != "" {
		t.Errorf("the held step changed the database:\n%s", diff)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), opts); err != nil {
		t.Errorf("applying once the transaction has ended: %v", err)
	}
}

// The step names no table, so nothing can be seen before the lock: the tries themselves must be bounded, and the sampling
// beside them must find who is in the way.
func TestTriesAreBoundedAndSampled(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	tx := s.reader(t)
	p := only("force:invoice")
	p.Steps[0].Table, p.Steps[0].Object = "", "row security"
	_, err := Run(t.Context(), s.options(p))
	var held *HeldError
	if !errors.As(err, &held) {
		t.Fatalf("applying against a transaction that does not end: %v", err)
	}
	if held.Tries != 3 {
		t.Errorf("%d tries, not 3", held.Tries)
	}
	if len(held.Blockers) != 1 || held.Blockers[0].PID != int32(tx.Conn().PgConn().PID()) {
		t.Errorf("the blockers are %+v", held.Blockers)
	}
	want := [][]string{{"1", "retry", "55P03"}, {"2", "retry", "55P03"}, {"3", "retry", "55P03"}, {"4", "held", "55P03"}}
	if diff := cmp.Diff(want, s.Query(t, "SELECT attempt, state, sqlstate FROM ringfence.apply_step ORDER BY attempt")); diff != "" {
		t.Errorf("the run log (-want +got):\n%s", diff)
	}
}

func TestLockClock(t *testing.T) {
	t.Parallel()
	policy := Options{}.withDefaults().Locks
	old := func(s float64) Blocker { return Blocker{PID: 1, AgeSeconds: s, Backend: "client backend"} }
	vacuum := Blocker{PID: 2, AgeSeconds: 100, Backend: "autovacuum worker"}
	wrap := Blocker{PID: 3, AgeSeconds: 100, Backend: "autovacuum worker", Wraparound: true}
	tests := []struct {
		name string
		held []Blocker
		want turn
	}{
		{"nobody", nil, turn{try: true, timeout: 100 * time.Millisecond}},
		{"young", []Blocker{old(0.2)}, turn{try: true, timeout: 400 * time.Millisecond}},
		{"never above the deadlock timeout", []Blocker{old(0.7)}, turn{try: true, timeout: 800 * time.Millisecond}},
		{"old", []Blocker{old(30)}, turn{why: "a transaction older than the lock timeout holds the lock"}},
		{"unknown age", []Blocker{old(-1)}, turn{try: true, timeout: 100 * time.Millisecond}},
		{"autovacuum alone", []Blocker{vacuum}, turn{try: true, timeout: 1300 * time.Millisecond}},
		{"autovacuum and an old one", []Blocker{vacuum, old(30)}, turn{why: "a transaction older than the lock timeout holds the lock"}},
		{"wraparound", []Blocker{wrap}, turn{why: "an autovacuum against wraparound holds the lock, and is not to be cancelled"}},
		{"prepared", []Blocker{{Prepared: "x", AgeSeconds: 0}}, turn{why: "a prepared transaction holds the lock"}},
	}
	for _, tt := range tests {
		c := &lockClock{policy: policy, deadlock: time.Second}
		if got := c.next(tt.held); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	now := time.Now()
	c := &lockClock{policy: policy, deadlock: time.Second, began: now, tries: 40}
	if c.spent(now) == "" {
		t.Error("a forty-first try is allowed")
	}
	c.tries = 39
	if c.spent(now) != "" || c.spent(now.Add(31*time.Minute)) == "" {
		t.Error("the budget is not kept")
	}
	if rest := c.rest(now); rest < time.Second || rest > 1500*time.Millisecond {
		t.Errorf("it rests %s between tries of 100 ms", rest)
	}
}
