package apply

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// cutAt gives an onQuery that acts at the n-th query that fits, once.
func cutAt(n int, act action, fits func(sql string) bool) (onQuery func(string) action, seen *atomic.Int64) {
	seen = new(atomic.Int64)
	return func(sql string) action {
		if !fits(sql) {
			return pass
		}
		if seen.Add(1) == int64(n) {
			return act
		}
		return pass
	}, seen
}

// The connection is lost at each COMMIT of the run in turn, once before the server has it and once after it has committed.
func TestConnectionLostAtEveryCommit(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	isCommit := func(sql string) bool { return sql == "COMMIT" }
	for _, act := range []action{cutBefore, cutAfter} {
		for n := 1; ; n++ {
			s := newShop(t)
			p := newProxy(t, s)
			var seen *atomic.Int64
			p.onQuery, seen = cutAt(n, act, isCommit)
			opts := s.options(shopPlan())
			opts.Connect = p.connect(s)
			res, err := Run(t.Context(), opts)
			if seen.Load() < int64(n) {
				if n < 8 {
					t.Errorf("only %d COMMITs were seen", seen.Load())
				}
				break
			}
			if p.cuts.Load() != 1 {
				t.Errorf("COMMIT %d: the connection was cut %d times", n, p.cuts.Load())
			}
			if err != nil && n > 2 {
				t.Errorf("COMMIT %d (%d): %v", n, act, err)
			}
			if err != nil { // the run log's own preparation or the lease: nothing was begun, and starting again is all it takes
				if res, err = Run(t.Context(), s.options(shopPlan())); err != nil {
					t.Fatalf("COMMIT %d (%d): starting again: %v", n, act, err)
				}
			}
			if diff := cmp.Diff(want, s.state(t)); diff != "" {
				t.Errorf("COMMIT %d (%d): the database (-uninterrupted +got):\n%s", n, act, diff)
			}
			if res.Count(Did) != 7 || res.Steps[2].Rows != 500 {
				t.Errorf("COMMIT %d (%d): outcomes %v, %d rows", n, act, outcomes(res), res.Steps[2].Rows)
			}
		}
	}
}

// The connection is lost at other statements: the steps' own, and a concurrent build, which the server finishes alone.
func TestConnectionLostInsideSteps(t *testing.T) {
	t.Parallel()
	want := uninterrupted(t)
	for _, begins := range []string{"CREATE INDEX CONCURRENTLY", "ALTER TABLE", "CREATE POLICY", "UPDATE \"shop\"", "SAVEPOINT", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL row_security"} {
		for _, act := range []action{cutBefore, cutAfter} {
			t.Run(fmt.Sprintf("%.16s_%d", begins, act), func(t *testing.T) {
				s := newShop(t)
				p := newProxy(t, s)
				p.onQuery, _ = cutAt(1, act, func(sql string) bool { return strings.HasPrefix(strings.TrimSpace(sql), begins) })
				opts := s.options(shopPlan())
				opts.Connect = p.connect(s)
				res, err := Run(t.Context(), opts)
				if err != nil {
					t.Fatalf("applying over a lost connection: %v", err)
				}
				if p.cuts.Load() != 1 {
					t.Errorf("the connection was cut %d times", p.cuts.Load())
				}
				if diff := cmp.Diff(want, s.state(t)); diff != "" {
					t.Errorf("the database (-uninterrupted +got):\n%s", diff)
				}
				if res.Count(Did) != 7 {
					t.Errorf("outcomes %v", outcomes(res))
				}
			})
		}
	}
}

func TestPoolerRefused(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := newProxy(t, s)
	opts := s.options(shopPlan())
	opts.Connect = p.connect(s)
	opts.DryRun = true
	if _, err := Run(t.Context(), opts); err != nil {
		t.Fatalf("the control, a proxy that changes nothing, was refused: %v", err)
	}
	p.rewriteKey = true
	_, err := Run(t.Context(), opts)
	var pre *PreflightError
	if !errors.As(err, &pre) || !errors.Is(err, ErrRefused) {
		t.Fatalf("applying through a pooler: %v", err)
	}
	if len(pre.Refused) != 1 || pre.Refused[0].Name != "pooler" || pre.Refused[0].Hint == "" {
		t.Errorf("refused: %+v", pre.Refused)
	}
}
