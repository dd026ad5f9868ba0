//go:build system

package rollout

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// TestSystemRehearsalSees has a rehearsal on a real copy see a plan that says less of its locks than it takes, and one without an index.
func TestSystemRehearsalSees(t *testing.T) {
	target, l, _ := newTarget(t)
	target.Plan.Steps = slices.DeleteFunc(target.Plan.Steps, func(s plan.Step) bool { return s.Kind == "tenant_index" })
	for i := range target.Plan.Steps {
		if s := &target.Plan.Steps[i]; s.Lock == plan.AccessExclusive {
			s.Lock = plan.ShareRowExclusive
		}
	}
	facts, err := target.Collect(t.Context(), l, "rehearsal_apply", "statements_traced", "index_planned", "lock_hold")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"rehearsal_apply": "pass ", "lock_hold": "pass ", "statements_traced": "fail the plan does not say that ",
		"index_planned": "fail the rows of a tenant are found by reading all of public.orders"} {
		if got := outcomes(facts)[name] + " " + sentence(facts, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A hook that means harm runs no shell, fills no memory, and leaves nothing behind that it started.
func TestSystemHostileHooks(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	h := Hooks{
		"words":   {Argv: []string{"echo", "$(touch pwned)", ";", "touch", "pwned", "`touch pwned`", "| touch pwned"}},
		"endless": {Argv: []string{"yes", "postgres://app:hunter22@db/app"}, Timeout: 200 * time.Millisecond},
		"forks":   {Argv: []string{"sh", "-c", "(sleep 1; touch survived) & (sleep 1; touch survived) & sleep 60"}, Timeout: 100 * time.Millisecond},
		"cut":     {Argv: []string{"sh", "-c", "head -c 1048550 /dev/zero | tr '\\0' '\\n'; echo postgres://app:hunter22hunter22@db/app"}},
		"bare":    {Argv: []string{}},
	}
	if r := h.Run(t.Context(), "words"); r.Exit != 0 || !strings.Contains(r.Output, "$(touch pwned) ; touch pwned") {
		t.Errorf("%+v", r)
	}
	if r := h.Run(t.Context(), "endless"); r.Exit != -1 || len(r.Output) > 2*hookOutput || strings.Contains(r.Output, "hunter22") {
		t.Errorf("exit %d, %d bytes", r.Exit, len(r.Output))
	}
	if r := h.Run(t.Context(), "cut"); len(r.Output) > hookOutput || strings.Contains(r.Output, "hunter") {
		t.Errorf("a secret that was cut in two is kept: %q", r.Output[max(0, len(r.Output)-60):])
	}
	began := time.Now()
	if r := h.Run(t.Context(), "forks"); r.Exit != -1 || time.Since(began) > time.Second {
		t.Errorf("exit %d after %s", r.Exit, time.Since(began))
	}
	time.Sleep(time.Until(began.Add(1300 * time.Millisecond)))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if h.Run(t.Context(), "bare") != nil {
		t.Error("a hook without a command ran")
	}
}
