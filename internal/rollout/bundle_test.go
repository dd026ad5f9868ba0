package rollout

import (
	"strings"
	"testing"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A bundle is judged at each beginning of a stage, as of the moment at which that was decided.
func TestDecideAsOf(t *testing.T) {
	begun := func(w *world, stage string, after time.Duration, cohort int) {
		t.Helper()
		w.append(t, noon.Add(after), ledger.KindBegun, stage, Progress{Cohort: cohort, Of: 2, By: "otto"})
	}
	asOf := func(w *world, stage string) *Decision {
		t.Helper()
		at, _ := w.rollout.Stage(stage)
		d, err := (&Bundle{State: w.state(t), Approvers: w.people, Log: w.log}).DecideAsOf(at, noon.Add(100*day))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	ready := func(w *world, at time.Time, stages ...string) {
		for _, s := range stages {
			w.passAll(t, s, at)
		}
		w.signAll(t, stages[0], at)
	}

	split := newWorldOf(t, "production.eu", "production.us")
	ready(split, noon, "production.eu", "production.us")
	begun(split, "production.eu", time.Second, 1)
	split.append(t, noon.Add(5*time.Minute), ledger.KindSample, "production.eu", Sample{At: noon.Add(5 * time.Minute)})
	begun(split, "production.us", 6*time.Minute, 1) // what passes within a minute was found out for both before the first
	begun(split, "production.eu", 12*time.Minute, 2)
	for _, stage := range []string{"production.eu", "production.us"} {
		if d := asOf(split, stage); !d.Green || !d.At.Equal(noon.Add(time.Second)) {
			t.Errorf("%s, decided together: %s as of %s", stage, red(d), d.At)
		}
	}

	again := newWorld(t)
	ready(again, noon, "staging")
	begun(again, "staging", time.Second, 1)
	again.append(t, noon.Add(time.Minute), ledger.KindReturned, "staging", Return{Rung: heldRung})
	begun(again, "staging", 2*day, 1) // nothing was found out anew
	if d := asOf(again, "staging"); d.Green || !strings.Contains(red(d), "no_drift=unknown") {
		t.Errorf("begun a second time on facts that had expired: green %t, %s", d.Green, red(d))
	}
	begun(again, "staging", 4*day, 1)
	again.passAll(t, "staging", noon.Add(5*day))
	again.signAll(t, "staging", noon.Add(5*day))
	begun(again, "staging", 5*day+time.Second, 1)
	if d := asOf(again, "staging"); d.Green {
		t.Error("one green beginning hides one that was red")
	}
}
