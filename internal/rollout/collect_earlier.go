package rollout

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
)

var (
	earlierVerified = Collector{Name: "earlier_verified", How: "ringfence verify on the stage before", Holds: 24 * time.Hour, Collect: collectEarlierVerified}
	earlierSoaked   = Collector{Name: "earlier_soaked", How: "the watch of the stage before", Holds: 7 * day, Collect: collectEarlierSoaked}
)

// earlier asks each database of the stage before. The finding is that of the worst.
func earlier(t *Target, ask func(before *Target) Finding) Finding {
	var worst Finding
	var raw []any
	for i, before := range t.Earlier {
		f := ask(before)
		raw = append(raw, f.Raw)
		if i == 0 || worse(f.Outcome, worst.Outcome) {
			worst = f
		}
	}
	switch len(t.Earlier) {
	case 0:
		return unknown("this is the first stage: none is before it")
	case 1:
		return worst
	}
	worst.Raw = raw
	return worst
}

// collectEarlierVerified asks the stage before whether every step of the plan is in place there.
func collectEarlierVerified(ctx context.Context, t *Target) Finding {
	return earlier(t, func(before *Target) Finding { return verifiedOn(ctx, t, before) })
}

func verifiedOn(ctx context.Context, t, before *Target) Finding {
	steps, err := apply.Verify(ctx, apply.Options{Plan: t.Plan, Connect: before.Connect})
	if err != nil {
		return unknown("the stage before could not be asked: %v", err)
	}
	done := 0
	for _, s := range steps {
		if s.Done == nil {
			return unknown("step %d, %s on %s, could not be verified there: %s", s.Step, s.Kind, s.Object, s.Why)
		}
		if *s.Done {
			done++
		}
	}
	f := known(done == len(steps), fmt.Sprintf("%d of %d steps", done, len(steps)), "every step is in place on "+before.Stage.Name)
	if done < len(steps) {
		f.Why = fmt.Sprintf("%d steps are not in place on %s", len(steps)-done, before.Stage.Name)
	}
	f.Raw = steps
	return f
}

// collectEarlierSoaked reads how long the stage before was watched with calls enough, from the log alone.
func collectEarlierSoaked(_ context.Context, t *Target) Finding {
	return earlier(t, func(before *Target) Finding { return soakedOn(t, before) })
}

func soakedOn(t, before *Target) Finding {
	st := t.State.Stages[before.Stage.Name]
	if st == nil || st.Applied.IsZero() {
		return unknown("%s is not applied", before.Stage.Name)
	}
	soaked := st.Soaked()
	want := before.Stage.Soak
	if !st.Returned.IsZero() {
		return known(false, soaked.String(), before.Stage.Name+" was taken back")
	}
	f := known(soaked >= want, soaked.String(), fmt.Sprintf("%s soaked %s of %s", before.Stage.Name, soaked, want))
	if soaked < want {
		f.Outcome = Unknown // it is not bad: it is not known yet
	}
	for _, s := range st.Signals {
		if s.Severity <= 2 {
			f.Outcome, f.Why = Fail, fmt.Sprintf("%s stopped it: %s", s.Name, s.Why)
		}
	}
	return f
}

// Every is how often a sample is kept, by how long ago the stage was applied: every 5 minutes in the first hour, every 15 until the
// fourth, hourly after.
func Every(since time.Duration) time.Duration {
	switch {
	case since < time.Hour:
		return 5 * time.Minute
	case since < 4*time.Hour:
		return 15 * time.Minute
	}
	return time.Hour
}

// gap is the longest time between two samples that counts as watched, by how long ago the stage was applied.
func gap(since time.Duration) time.Duration { return Every(since)*3/2 + 5*time.Minute }

// Soaked is how long a stage was watched since it was applied: the time between samples of calls enough, none further apart than the
// schedule has them. A restart of the server or of its statistics begins anew.
func (st *StageState) Soaked() time.Duration {
	var sum time.Duration
	last := time.Time{}
	for _, s := range st.Samples {
		switch {
		case s.At.Before(st.Applied):
			continue
		case s.Restart:
			sum = 0
		case s.Enough && !last.IsZero() && s.At.Sub(last) <= gap(last.Sub(st.Applied)):
			sum += s.At.Sub(last)
		}
		last = s.At
		if !s.Enough && !s.Restart {
			last = time.Time{}
		}
	}
	return sum
}
