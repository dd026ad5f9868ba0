package apply

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

func TestSecondOperatorIsTurnedAway(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan()})
	c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == 4 })
	before := s.state(t)
	for name, run := range map[string]func() error{
		"apply":    func() error { _, err := Run(t.Context(), s.options(shopPlan())); return err },
		"rollback": func() error { _, err := Rollback(t.Context(), s.options(shopPlan())); return err },
	} {
		err := run()
		var held *LeaseError
		if !errors.As(err, &held) || !errors.Is(err, ErrLeaseHeld) || !errors.Is(err, ErrRefused) {
			t.Fatalf("%s beside a living run: %v", name, err)
		}
		if held.PID == 0 || held.Run == "" || !strings.Contains(held.Holder, "@") || held.Expires.IsZero() {
			t.Errorf("%s: the holder is %+v", name, held)
		}
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the second operator changed the database:\n%s", diff)
	}
	c.finish(t)
	if _, err := Run(t.Context(), s.options(shopPlan())); err != nil {
		t.Errorf("after the first has ended: %v", err)
	}
}

// A process is stopped, not killed: its connections live on. Its lease expires, another run takes over, and when the
// first wakes up its fence stops it.
func TestZombieIsFencedOff(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	s := newShop(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: shopPlan(), Expiry: time.Second})
	c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == 4 })
	if err := c.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, s.Super, "the lease has expired", "SELECT expires < clock_timestamp() FROM ringfence.apply_lease")
	s.resume(t, want)
	effected := "SELECT run, ordinal, state FROM ringfence.apply_step WHERE state = 'effected' ORDER BY 1, 2"
	before := s.Query(t, effected)
	if err := c.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for {
		c.goOnIfAlive()
		if _, ok := c.next(t); !ok {
			break
		}
	}
	if err := c.cmd.Wait(); err == nil || c.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(c.stderr.String(), ErrLeaseLost.Error()) {
		t.Errorf("the zombie ended with %v: %s", err, c.stderr.String())
	}
	if diff := cmp.Diff(want, s.state(t)); diff != "" {
		t.Errorf("the zombie changed the database:\n%s", diff)
	}
	if diff := cmp.Diff(before, s.Query(t, effected)); diff != "" {
		t.Errorf("the zombie wrote into the run log:\n%s", diff)
	}
}

// A run whose fence is not the lease's any more is stopped at its next transaction or build, whatever it had checked before.
func TestFenceStopsEveryWayOfRunning(t *testing.T) {
	t.Parallel()
	tests := []struct {
		id     string
		steal  EventKind // the lease is taken at the first event of this kind
		filled int64     // rows that the back-fill had committed by then
	}{
		{"index:invoice", EventWaiting, 0}, {"policy:invoice", EventWaiting, 0}, {"fill:item", EventProgress, 120},
		{"column:item", EventBegin, 0},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.id, ":", "_"), func(t *testing.T) {
			s := newShop(t)
			before := s.state(t)
			before[2][1] = fmt.Sprint(500 - tt.filled)
			writer := s.openWriter(t)
			opts := s.options(only(tt.id))
			opts.Lease.Heartbeat = time.Hour
			opts.Build.OldTransaction = time.Nanosecond
			opts.Locks.Min, opts.Locks.Max = time.Millisecond, time.Millisecond // the writer is older, so the policy waits
			stolen := false
			opts.Progress = func(e Event) {
				if e.Kind == tt.steal && !stolen {
					stolen = true
					s.Exec(t, "UPDATE ringfence.apply_lease SET fence = fence + 1")
					if err := writer.Rollback(context.WithoutCancel(t.Context())); err != nil {
						t.Error(err)
					}
				}
			}
			if _, err := Run(t.Context(), opts); !errors.Is(err, ErrLeaseLost) {
				t.Errorf("with another's fence: %v", err)
			}
			if !stolen {
				t.Error("the event at which the lease is taken did not come")
			}
			if diff := cmp.Diff(before, s.state(t)); diff != "" {
				t.Errorf("a run without the lease changed the database:\n%s", diff)
			}
		})
	}
}

// While a step's transaction is open the lease cannot change hands, and its own heartbeat goes on.
func TestHeartbeatGoesOnDuringAStep(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := only("column:item")
	p.Steps[0].Do = append(p.Steps[0].Do, "SELECT pg_catalog.pg_sleep(1.2)")
	opts := s.options(p)
	opts.Lease = LeasePolicy{Heartbeat: 100 * time.Millisecond, Expiry: 600 * time.Millisecond}
	ended := make(chan error, 1)
	go func() { _, err := Run(t.Context(), opts); ended <- err }()
	sleeping := "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_catalog.pg_sleep(1.2)%' AND state = 'active')"
	eventually(t, s.Super, "the step is under way", sleeping)
	beat := pgtest.Value[time.Time](t, s.Super, "SELECT heartbeat FROM ringfence.apply_lease")
	eventually(t, s.Super, "the lease was renewed", "SELECT heartbeat > $1 FROM ringfence.apply_lease", beat)
	if still := pgtest.Value[bool](t, s.Super, sleeping); !still {
		t.Error("the lease was renewed only after the step")
	}
	if err := <-ended; err != nil {
		t.Errorf("applying: %v", err)
	}
}
