package papers

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// A Success is one fact of a window of success.
type Success struct {
	Window string // hour, day, week, ongoing
	Text   string
	Judge  func(in *Input, st *rollout.StageState) (o rollout.Outcome, value, source string)
}

// Windows returns the facts of the four windows of success.
func Windows() []Success {
	return []Success{
		{"hour", "The application started", byFact("health")},
		{"hour", "Every tenant that is looked at sees what is theirs, and no more", noSignal("canary_tenants", "rows_collapse")},
		{"hour", "No errors that were not there before", noSignal("sqlstates", "rollbacks")},
		{"hour", "Nobody is refused a log-in who was not before", byFact("logins")},
		{"hour", "The backlog of events is empty", byFact("backlog")},
		{"hour", "The metrics answer and are scraped", byFact("alert_rules")},
		{"hour", "The application's 95th percentile is under 200 ms", p95Under(0.2)},
		{"day", "It was watched for a day with calls enough", soakedFor(24 * time.Hour)},
		{"day", "Every index that was made is scanned", byFact("indexes_used")},
		{"day", "The disk has room", byFact("disk")},
		{"day", "No error of row security", noState("42501")},
		{"day", "The key workflows work", byFact("workflows")},
		{"week", "It was watched for a week with calls enough", soakedFor(7 * 24 * time.Hour)},
		{"week", "Log-in failures are as few as before", byFact("logins")},
		{"week", "Events arrive in the trail", noSignal("trail_growth")},
		{"week", "The documents speak of this plan", byFact("documents")},
		{"week", "Nothing has drifted", noSignal("step_undone")},
		{"ongoing", "A test alert comes back", byFact("alert_arrival")},
		{"ongoing", "Backups are taken", noSignal("backups")},
		{"ongoing", "Isolation holds under attack", byFact("isolation")},
	}
}

// byFact judges by a fact of the log, as it stands now.
func byFact(name string) func(*Input, *rollout.StageState) (rollout.Outcome, string, string) {
	return func(in *Input, _ *rollout.StageState) (rollout.Outcome, string, string) {
		f, ok := in.Bundle.State.Fact(in.last().Name, name)
		switch {
		case !ok:
			return rollout.Unknown, "it was never found out", name
		case !in.Now.Before(f.Until):
			return rollout.Unknown, "it was true until " + stamp(f.Until), name
		}
		return f.Outcome, strings.TrimSpace(f.Value + " " + f.Why), name + ", " + stamp(f.At)
	}
}

// noSignal judges by the watch: there were samples that count, and none of these signals.
func noSignal(names ...string) func(*Input, *rollout.StageState) (rollout.Outcome, string, string) {
	return func(_ *Input, st *rollout.StageState) (rollout.Outcome, string, string) {
		for _, s := range st.Signals {
			if slices.Contains(names, s.Name) {
				return rollout.Fail, s.Why, s.Name + ", " + stamp(s.At)
			}
		}
		n := counted(st)
		if n == 0 {
			return rollout.Unknown, "no sample with calls enough", "the watch"
		}
		return rollout.Pass, fmt.Sprintf("not seen in %d samples", n), "the watch: " + strings.Join(names, ", ")
	}
}

func counted(st *rollout.StageState) int {
	n := 0
	for _, s := range st.Samples {
		if s.Enough {
			n++
		}
	}
	return n
}

func soakedFor(want time.Duration) func(*Input, *rollout.StageState) (rollout.Outcome, string, string) {
	return func(_ *Input, st *rollout.StageState) (rollout.Outcome, string, string) {
		got := st.Soaked()
		if got < want {
			return rollout.Unknown, got.String(), "the watch's samples"
		}
		return rollout.Pass, got.String(), "the watch's samples"
	}
}

// lastValue is a figure of the last sample that has it.
func lastValue(st *rollout.StageState, name string) (float64, time.Time, bool) {
	for i := len(st.Samples) - 1; i >= 0; i-- {
		if v, ok := st.Samples[i].Values[name]; ok {
			return v, st.Samples[i].At, true
		}
	}
	return 0, time.Time{}, false
}

func p95Under(limit float64) func(*Input, *rollout.StageState) (rollout.Outcome, string, string) {
	return func(_ *Input, st *rollout.StageState) (rollout.Outcome, string, string) {
		v, at, ok := lastValue(st, "p95_seconds")
		if !ok {
			return rollout.Unknown, "it is not measured", "watch.p95 in rollout.yaml, or the hook p95"
		}
		o := rollout.Fail
		if v < limit {
			o = rollout.Pass
		}
		return o, fmt.Sprintf("%.0f ms", v*1000), "sample of " + stamp(at)
	}
}

func noState(state string) func(*Input, *rollout.StageState) (rollout.Outcome, string, string) {
	return func(_ *Input, st *rollout.StageState) (rollout.Outcome, string, string) {
		if counted(st) == 0 {
			return rollout.Unknown, "no sample with calls enough", "the watch"
		}
		v, at, ok := lastValue(st, "sqlstate_"+state)
		if ok && v > 0 {
			return rollout.Fail, fmt.Sprintf("%.0f errors", v), "sample of " + stamp(at)
		}
		if _, _, known := lastValue(st, "sqlstates_known"); !known {
			return rollout.Unknown, "errors are not counted", "the server's CSV log, or the hook sqlstates"
		}
		return rollout.Pass, "0 errors", "the watch's samples"
	}
}

// windows writes how the windows of success stand.
func (in *Input) windows(b *strings.Builder) {
	st := in.Bundle.State.Stages[in.last().Name]
	if st == nil || st.Begun.IsZero() {
		fmt.Fprintf(b, "The stage `%s` was not begun.\n\n", in.last().Name)
		return
	}
	var rows [][]string
	for _, w := range Windows() {
		o, value, from := w.Judge(in, st)
		rows = append(rows, []string{w.Window, w.Text, o.String(), value, from})
	}
	table(b, []string{"Within", "Fact", "Stands", "Measured", "Source"}, rows)
}
