package apply

import (
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The connection is lost at each COMMIT of the way back in turn, before the server has it and after it has committed: the way back is
// gone to its end all the same.
func TestConnectionLostAtEveryCommitOfRollback(t *testing.T) {
	t.Parallel()
	isCommit := func(sql string) bool { return sql == "COMMIT" }
	for _, act := range []action{cutBefore, cutAfter} {
		for n := 1; ; n++ {
			s := newShop(t)
			before, p := s.state(t), withoutFill()
			if _, err := Run(t.Context(), s.options(p)); err != nil {
				t.Fatalf("applying: %v", err)
			}
			through := newProxy(t, s)
			var seen *atomic.Int64
			through.onQuery, seen = cutAt(n, act, isCommit)
			opts := s.options(p)
			opts.Connect = through.connect(s)
			_, err := Rollback(t.Context(), opts)
			if seen.Load() < int64(n) {
				if n < 5 {
					t.Errorf("only %d COMMITs were seen", seen.Load())
				}
				break
			}
			if err != nil && n > 2 {
				t.Errorf("COMMIT %d (%d): %v", n, act, err)
			}
			if err != nil { // nothing was begun, and starting again is all it takes
				if _, err := Rollback(t.Context(), s.options(p)); err != nil {
					t.Fatalf("COMMIT %d (%d): starting again: %v", n, act, err)
				}
			}
			if diff := cmp.Diff(before, s.state(t)); diff != "" {
				t.Errorf("COMMIT %d (%d): the database (-before +after):\n%s", n, act, diff)
			}
		}
	}
}
