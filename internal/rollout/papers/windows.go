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
	Judge  judge
}

// A judge says how a fact stands in one database, by what value, and where that comes from.
type judge func(in *Input, stage string, st *rollout.StageState) (o rollout.Outcome, value, source string)

// judge gives a fact as it stands in the worst of the last stage's databases, and its value in each.
func (in *Input) judge(w Success) (worst rollout.Outcome, value, source string) {
	states := in.states()
	value = in.each(func(i int, stage *rollout.Stage) string {
		o, v, from := w.Judge(in, stage.Name, states[i])
		if i == 0 || o == rollout.Fail || o == rollout.Unknown && worst == rollout.Pass {
			worst, source = o, from
		}
		return v
	})
	return worst, value, source
}

// Windows returns the facts of the four windows of success.
func Windows() []Success {
	return []Success{
		{"hour", "The application started", byFact("health")},
		{"hour", "Every tenant that is looked at sees what is theirs, and no more", noSignal("canary_tenants", "rows_collapse")},
		{"hour", "No errors that were not there before", known("sqlstates_known", "errors are not counted: the server keeps no CSV log, and no hook sqlstates is given", noSignal("sqlstates", "rollbacks"))},
		{"hour", "Nobody is refused a log-in who was not before", byFact("logins")},
		{"hour", "The backlog of events is empty", byFact("backlog")},
		{"hour", "No refusal was a mistake of ours, as people judged them", byFact("triage")},
		{"hour", "The metrics answer and are scraped", byFact("metrics_scraped")},
		{"hour", "No error of Ringfence's own processes", byFact("own_errors")},
		{"hour", "The application's 95th percentile is under 200 ms", p95Under(0.2)},
		{"day", "It was watched for a day with calls enough", soakedFor(24 * time.Hour)},
		{"day", "Every index that was made is scanned", byFact("indexes_used")},
		{"day", "The disk has room", byFact("disk")},
		{"day", "No error of row security", noState("42501")},
		{"day", "The key workflows work", byFact("workflows")},
		{"week", "It was watched for a week with calls enough", soakedFor(7 * 24 * time.Hour)},
		{"week", "Log-in failures are as few as before", byFact("logins")},
		{"week", "Somebody of each tenant has logged in by PIN", byFact("pin_logins")},
		{"week", "Sockets are as stable as before", byFact("sockets_stable")},
		{"week", "Events arrive in the trail", trailGrows},
		{"week", "The journal does not grow", byFact("journal")},
		{"week", "No more CPU is used than before", byFact("cpu")},
		{"week", "No more memory is used than before", byFact("memory")},
		{"week", "The documents speak of this plan", byFact("documents")},
		{"week", "Nothing has drifted", noSignal("step_undone")},
		{"ongoing", "Attempts are blocked and recorded", byFact("attempts_recorded")},
		{"ongoing", "The trail is complete, and can be queried", byFact("trail_complete")},
		{"ongoing", "A test alert comes back", byFact("alert_arrival")},
		{"ongoing", "Backups are taken", known("backup_age_seconds", "the age of backups is not measured: no hook backup_age is given", noSignal("backups"))},
		{"ongoing", "Isolation holds under attack", byFact("isolation")},
	}
}

// byFact judges by a fact of the log, as it stands now.
func byFact(name string) judge {
	return func(in *Input, stage string, _ *rollout.StageState) (rollout.Outcome, string, string) {
		f, ok := in.Bundle.State.Fact(stage, name)
		switch {
		case !ok:
			return rollout.Unknown, "it was never found out", name
		case f.Outcome != rollout.Unknown && !in.Now.Before(f.Until):
			return rollout.Unknown, "what was found out counted until " + stamp(f.Until), name
		}
		return f.Outcome, measured(f), name + ", " + stamp(f.At)
	}
}

// noSignal judges by the watch: there were samples that count, and none of these signals.
func noSignal(names ...string) judge {
	return func(_ *Input, _ string, st *rollout.StageState) (rollout.Outcome, string, string) {
		for _, s := range st.Signals {
			if slices.Contains(names, s.Name) {
				return rollout.Fail, s.Why, s.Name + ", " + stamp(s.At)
			}
		}
		n := counted(st)
		if n == 0 {
			return rollout.Unknown, "no sample with calls enough", "the watch"
		}
		return rollout.Pass, fmt.Sprintf("no such signal in %d samples with calls enough", n), "the watch: " + strings.Join(names, ", ")
	}
}

// known judges by another one where the samples hold a figure, without which nothing could have been seen.
func known(figure, why string, other judge) judge {
	return func(in *Input, stage string, st *rollout.StageState) (rollout.Outcome, string, string) {
		if _, _, ok := lastValue(st, figure); !ok {
			return rollout.Unknown, why, "the watch's samples"
		}
		return other(in, stage, st)
	}
}

// trailGrows judges by the watch, where it was told which table events arrive in.
func trailGrows(in *Input, stage string, st *rollout.StageState) (rollout.Outcome, string, string) {
	if in.Definition.Watch.Trail == "" {
		return rollout.Unknown, "no table that events arrive in is named", "watch.trail in rollout.yaml"
	}
	return noSignal("trail_growth")(in, stage, st)
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

func soakedFor(want time.Duration) judge {
	return func(_ *Input, _ string, st *rollout.StageState) (rollout.Outcome, string, string) {
		got := st.Soaked()
		if got < want {
			return rollout.Unknown, rollout.Brief(got) + " until now", "the watch's samples"
		}
		return rollout.Pass, rollout.Brief(got), "the watch's samples"
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

func p95Under(limit float64) judge {
	return func(_ *Input, _ string, st *rollout.StageState) (rollout.Outcome, string, string) {
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

func noState(state string) judge {
	return func(_ *Input, _ string, st *rollout.StageState) (rollout.Outcome, string, string) {
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
	if !in.begun() {
		fmt.Fprintf(b, "The stage `%s` was not begun.\n\n", in.goal())
		return
	}
	var rows [][]string
	for _, w := range Windows() {
		o, value, from := in.judge(w)
		rows = append(rows, []string{w.Window, w.Text, o.String(), value, from})
	}
	table(b, []string{"Within", "Fact", "Stands", "Measured", "Source"}, rows)
}
