package apply

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringfencehq/ringfence/internal/plan"
)

// bound is shopPlan with the fingerprints of the database as it is now.
func (s *shop) bound(t *testing.T) *plan.Plan {
	t.Helper()
	p := shopPlan()
	all := []string{"shop.invoice", lineItem, "shop.total()"}
	prints, err := snapshotFingerprints(t.Context(), s.Conn(t, s.owner), all)
	if err != nil || len(prints) != len(all) {
		t.Fatalf("fingerprints of %q: %v, %v", all, prints, err)
	}
	for i := range p.Steps {
		st := &p.Steps[i]
		st.Before = map[string]string{}
		for _, o := range all {
			if o == st.Table || o == st.Object {
				st.Before[o] = prints[o]
			}
		}
	}
	p.Steps[0].Before["shop.invoice_org_idx"] = absent
	return p
}

func TestStalePlanIsRefused(t *testing.T) {
	t.Parallel()
	changes := []struct {
		name, sql string
		want      []StaleObject
	}{
		{"nothing", `SELECT`, nil},
		{"policy", `CREATE POLICY another ON shop.invoice`, []StaleObject{{"shop.invoice", "index:invoice", "changed since it was planned"}}},
		{"column", `ALTER TABLE shop."Line ""Item""" ADD COLUMN x int`, []StaleObject{{lineItem, "column:item", "changed since it was planned"}}},
		{"function", `ALTER FUNCTION shop.total() SECURITY DEFINER`, []StaleObject{{"shop.total()", "function:total", "changed since it was planned"}}},
		{"gone", `DROP TABLE shop."Line ""Item"""`, []StaleObject{{lineItem, "column:item", "it does not exist"}}},
	}
	for _, tt := range changes {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			p := s.bound(t)
			s.Exec(t, tt.sql)
			opts := s.options(p)
			opts.DryRun = tt.name == "gone" // there a state cannot be read
			_, err := Run(t.Context(), opts)
			var stale *StaleError
			if !errors.As(err, &stale) {
				if err != nil || tt.want != nil {
					t.Fatalf("applying a plan made before %q: %v", tt.sql, err)
				}
				return
			}
			if !errors.Is(err, ErrRefused) {
				t.Error("a stale plan is not refused")
			}
			if diff := cmp.Diff(tt.want, stale.Objects); diff != "" {
				t.Errorf("stale objects (-want +got):\n%s", diff)
			}
			if _, err := Run(t.Context(), opts); !errors.As(err, &stale) {
				t.Errorf("the second try was not refused: %v", err)
			}
		})
	}
}

func TestChangedBetweenRuns(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: s.bound(t)})
	c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == 5 })
	c.kill(t)
	p := shopPlan()
	s.Exec(t, `ALTER TABLE shop.invoice ADD COLUMN other int`)
	before := s.state(t)
	c = self(t, job{DSN: s.DSN(s.owner), Plan: p}) // another plan: knows nothing of the first one's run
	c.finish(t)
	if cmp.Equal(before, s.state(t)) {
		t.Error("the control changed nothing")
	}
}

func TestChangedBetweenRunsOfOnePlan(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	p := s.bound(t)
	c := self(t, job{DSN: s.DSN(s.owner), Plan: p})
	c.until(t, func(e Event) bool { return e.Kind == EventBegin && e.Step == 5 })
	c.kill(t)
	s.Exec(t, `ALTER TABLE shop.invoice ADD COLUMN other int`)
	before := s.state(t)
	_, err := Run(t.Context(), s.options(p))
	var stale *StaleError
	if !errors.As(err, &stale) {
		t.Fatalf("resuming on a table that others changed: %v", err)
	}
	if diff := cmp.Diff([]StaleObject{{"shop.invoice", "policy:invoice", "changed since the last run"}}, stale.Objects); diff != "" {
		t.Errorf("stale objects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, s.state(t)); diff != "" {
		t.Errorf("the refusal changed the database:\n%s", diff)
	}
}

func TestChangedDuringARun(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	opts := s.options(s.bound(t))
	opts.Progress = func(e Event) {
		if e.Kind == EventBegin && e.Step == 5 {
			s.Exec(t, `CREATE POLICY another ON shop.invoice USING (true)`)
		}
	}
	res, err := Run(t.Context(), opts)
	var stale *StaleError
	if !errors.As(err, &stale) || !errors.As(err, new(*PartialError)) {
		t.Fatalf("others changed a table during the run: %v", err)
	}
	if diff := cmp.Diff([]Outcome{Did, Did, Did, Did, Failed, NotReached, NotReached}, outcomes(res)); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}
