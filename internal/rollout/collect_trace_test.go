package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// A plan that locks more than it says, holds it for too long, or does not say how it is taken back, is not let pass.
func TestTraced(t *testing.T) {
	p := &plan.Plan{Steps: []plan.Step{
		{Kind: "policy", Table: "public.orders", Object: "p on public.orders", Lock: plan.AccessExclusive, Undo: []string{"x"}, Also: map[string]plan.Lock{"public.tenant": plan.ShareRowExclusive}},
		{Kind: "tenant_index", Table: "public.orders", Object: "public.i", Lock: plan.ShareUpdateExclusive, Transaction: "none", Undo: []string{"x"}},
	}}
	index := apply.Traced{Steps: []int{1}, Concurrent: true}
	for _, c := range []struct {
		name   string
		traced []apply.Traced
		locks  Outcome
		hold   Outcome
		says   string
	}{
		{"as the plan says", []apply.Traced{{Steps: []int{0}, Held: time.Second, Locks: map[string]plan.Lock{"public.orders": plan.AccessExclusive, "public.tenant": plan.ShareRowExclusive}}, index}, Pass, Pass, "2 steps, 0 unclassified"},
		{"reads another table", []apply.Traced{{Steps: []int{0}, Locks: map[string]plan.Lock{"public.other": plan.AccessShare}}, index}, Pass, Pass, ""},
		{"locks another table", []apply.Traced{{Steps: []int{0}, Locks: map[string]plan.Lock{"public.other": plan.RowExclusive}}, index}, Fail, Pass, "RowExclusiveLock on public.other"},
		{"locks it harder", []apply.Traced{{Steps: []int{0}, Locks: map[string]plan.Lock{"public.tenant": plan.AccessExclusive}}, index}, Fail, Pass, "AccessExclusiveLock on public.tenant"},
		{"holds it for long", []apply.Traced{{Steps: []int{0}, Held: 3 * time.Second, Locks: map[string]plan.Lock{"public.orders": plan.AccessExclusive}}, index}, Pass, Fail, "policy p on public.orders"},
		{"waits for long, and stops nobody", []apply.Traced{{Steps: []int{0}, Held: 3 * time.Second, Locks: map[string]plan.Lock{"public.orders": plan.RowExclusive}}, index}, Pass, Pass, ""},
		{"is of another form", []apply.Traced{{Steps: []int{0}, Locks: map[string]plan.Lock{}}, {Steps: []int{1}}}, Fail, Pass, "neither builds nor drops an index"},
		{"was not seen", []apply.Traced{index}, Unknown, Pass, "policy p on public.orders was not traced"},
	} {
		r := &rehearsal{steps: []apply.StepResult{{Kind: "policy", Object: "p on public.orders", Outcome: apply.Did}, {Kind: "tenant_index", Object: "public.i", Outcome: apply.Did}, {Kind: "force_rls", Outcome: apply.Before}}}
		for _, traced := range c.traced {
			r.traced = append(r.traced, classify(p, traced))
		}
		target := &Target{Plan: p, rehearsed: r}
		locks, hold := collectStatementsTraced(t.Context(), target), collectLockHold(t.Context(), target)
		if locks.Outcome != c.locks || hold.Outcome != c.hold || !strings.Contains(locks.Value+locks.Why+hold.Value+hold.Why, c.says) {
			t.Errorf("%s: %s %q, %s %q", c.name, locks.Outcome, locks.Value+", "+locks.Why, hold.Outcome, hold.Value+", "+hold.Why)
		}
	}
}

// Until when a change can be taken back is stated from the plan, and a step of which it says nothing is a failure.
func TestReversibleUntil(t *testing.T) {
	undo := []string{"x"}
	for want, steps := range map[string][]plan.Step{
		"pass at any time": {{Kind: "policy", Undo: undo}, {Kind: "tenant_backfill", NoUndo: "the values go with the column"}},
		"pass but for 2 steps at any time: tenant_column on public.a until values are written there that are to be kept, and 1 more": {
			{Kind: "tenant_column", Object: "public.a", Undo: undo, UndoDanger: []string{"drops_values"}}, {Kind: "unique_swap", Object: "public.b", Undo: undo}},
		"fail 1 steps": {{Kind: "policy", Object: "public.a"}, {Kind: "policy", Undo: undo}},
	} {
		f := collectReversibleUntil(t.Context(), &Target{Plan: &plan.Plan{Steps: steps}})
		if got := f.Outcome.String() + " " + f.Value + ": " + f.Why; !strings.HasPrefix(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
