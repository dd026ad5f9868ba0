package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/plan"
)

var (
	statementsTraced = Collector{Name: "statements_traced", How: "what every step locks on the copy, as pg_locks shows it, against what the plan says", Holds: 7 * day, Collect: collectStatementsTraced}
	lockHold         = Collector{Name: "lock_hold", How: "the longest that a transaction of the rehearsal held a lock that stops writers", Holds: 7 * day, Collect: collectLockHold}
	reversibleUntil  = Collector{Name: "reversible_until", How: "what the plan says of the way back of each step", Holds: 7 * day, Collect: collectReversibleUntil}
)

// lockHoldLimit is how long a transaction may stop writers, on a copy without rows: beyond it an application's requests pile up.
const lockHoldLimit = 2 * time.Second

// A TracedStep is what steps that ran together locked.
type TracedStep struct {
	Steps  []string             `json:"steps"`
	Locks  map[string]plan.Lock `json:"locks"`          // by table; none: outside of a transaction
	Held   float64              `json:"held"`           // seconds
	Beyond []string             `json:"beyond_plan"`    // what the plan does not say
	Form   string               `json:"form,omitempty"` // by what the statements were classified, where pg_locks did not show it
}

// classify holds what was traced to the plan: a table is locked no stronger than the plan says, and none that it does not name, but to
// read it.
func classify(p *plan.Plan, traced apply.Traced) TracedStep {
	out := TracedStep{Steps: []string{}, Locks: traced.Locks, Held: traced.Held.Seconds(), Beyond: []string{}}
	said := map[string]plan.Lock{}
	for _, i := range traced.Steps {
		s := &p.Steps[i]
		out.Steps = append(out.Steps, s.Kind+" "+s.Object)
		for table, lock := range s.Also {
			said[table] = plan.Stronger(said[table], lock)
		}
		for _, table := range []string{s.Table, s.Object} {
			said[table] = plan.Stronger(said[table], s.Lock)
		}
	}
	if traced.Locks == nil {
		out.Form = "CONCURRENTLY"
		if !traced.Concurrent {
			out.Form, out.Beyond = "unknown", append(out.Beyond, "a statement outside of a transaction that neither builds nor drops an index CONCURRENTLY")
		}
		return out
	}
	for table, lock := range traced.Locks {
		if lock != plan.AccessShare && plan.Stronger(lock, said[table]) != said[table] {
			out.Beyond = append(out.Beyond, fmt.Sprintf("%s on %s", lock, table))
		}
	}
	slices.Sort(out.Beyond)
	return out
}

// stopsWriters reports whether steps that ran together kept others from writing to a table.
func (s *TracedStep) stopsWriters() bool {
	for _, lock := range s.Locks {
		if plan.Stronger(lock, plan.Share) == lock {
			return true
		}
	}
	return false
}

func collectStatementsTraced(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	if r.err != nil || r.applyErr != nil {
		return unknown("the plan was not applied on the copy")
	}
	traced, beyond := map[string]bool{}, []string{}
	for _, s := range r.traced {
		for _, step := range s.Steps {
			traced[step] = true
		}
		if len(s.Beyond) > 0 {
			beyond = append(beyond, fmt.Sprintf("%s takes %s", strings.Join(s.Steps, ", "), strings.Join(s.Beyond, ", ")))
		}
	}
	for _, s := range r.steps {
		if name := s.Kind + " " + s.Object; s.Outcome == apply.Did && !traced[name] {
			return Finding{Outcome: Unknown, Why: name + " was not traced", Raw: r.traced}
		}
	}
	f := known(len(beyond) == 0, fmt.Sprintf("%d steps, 0 unclassified", len(traced)), "each step that is not in place yet locks the tables that the plan names, and none stronger; index builds are known by their form")
	if len(beyond) > 0 {
		f.Value, f.Why = fmt.Sprintf("%d steps, %d beyond the plan", len(traced), len(beyond)), "the plan does not say that "+beyond[0]
	}
	f.Raw = r.traced
	return f
}

func collectLockHold(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	if r.err != nil || r.applyErr != nil {
		return unknown("the plan was not applied on the copy")
	}
	longest, by := 0.0, "no step stops writers"
	for _, s := range r.traced {
		if s.stopsWriters() && s.Held > longest {
			longest, by = s.Held, fmt.Sprintf("the longest is %s, on a copy that holds no rows", strings.Join(s.Steps, ", "))
		}
	}
	f := known(longest <= lockHoldLimit.Seconds(), fmt.Sprintf("%.0f ms", longest*1000), by)
	f.Seconds = longest
	return f
}

// collectReversibleUntil states until when the change can be taken back, or fails where the plan does not say so of a step.
func collectReversibleUntil(_ context.Context, t *Target) Finding {
	until, silent := []string{}, []string{}
	for _, s := range t.Plan.Steps {
		switch {
		case len(s.Undo) == 0 && s.NoUndo == "":
			silent = append(silent, s.Kind+" on "+s.Object)
		case slices.Contains(s.UndoDanger, "drops_values"):
			until = append(until, fmt.Sprintf("%s on %s until values are written there that are to be kept", s.Kind, s.Object))
		case s.Kind == "unique_swap":
			until = append(until, fmt.Sprintf("%s on %s until two tenants have the same value", s.Kind, s.Object))
		}
	}
	if len(silent) > 0 {
		return Finding{Outcome: Fail, Value: fmt.Sprintf("%d steps", len(silent)), Why: "the plan has no way back, nor a reason that none is needed, for " + silent[0], Raw: silent}
	}
	if len(until) == 0 {
		return known(true, "at any time", "each step can be taken back, or needs no way back, for as long as its table is there")
	}
	f := known(true, "but for "+plural(len(until), "step", "steps")+" at any time", until[0])
	if len(until) > 1 {
		f.Why += fmt.Sprintf(", and %d more", len(until)-1)
	}
	f.Raw = until
	return f
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
