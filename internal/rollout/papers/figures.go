package papers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/rollout"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// Figures are the four that change management is measured by.
type Figures struct {
	Attempts int           // times that a stage was begun
	Failed   int           // of them, taken back
	Lead     time.Duration // from the rollout's beginning until the last stage was applied; 0: it was not
	Restore  []Restore
	Exposed  time.Duration
	Open     bool // something stands open still
}

// A Restore is the time from a signal until its return was done.
type Restore struct {
	Stage, Signal, Rung string
	Took                time.Duration
}

// Figures computes them from the log.
func (in *Input) Figures() Figures {
	var f Figures
	s := in.Bundle.State
	began := map[string]bool{} // stages that are under way
	for _, e := range in.Bundle.Log.Entries() {
		switch e.Kind {
		case ledger.KindBegun:
			if !began[e.Stage] {
				began[e.Stage] = true
				f.Attempts++
			}
		case ledger.KindReturned:
			if began[e.Stage] {
				began[e.Stage] = false
				f.Failed++
			}
			var r rollout.Return
			if json.Unmarshal(e.Body, &r) == nil {
				f.Restore = append(f.Restore, Restore{e.Stage, r.Signal, r.Rung, r.Took})
			}
		}
	}
	for _, st := range in.states() { // of several databases the last one counts
		if st.Applied.IsZero() {
			f.Lead = 0
			break
		}
		f.Lead = max(f.Lead, st.Applied.Sub(s.Rollout.Created))
	}
	for _, st := range s.Stages {
		sum, open := st.Exposed(in.Now)
		f.Exposed, f.Open = f.Exposed+sum, f.Open || open
	}
	return f
}

// figures writes them with their sources.
func (in *Input) figures(b *strings.Builder) {
	f := in.Figures()
	rate := "no stage was begun"
	if f.Attempts > 0 {
		rate = fmt.Sprintf("%d of %d", f.Failed, f.Attempts)
	}
	lead := "the last stage is not applied"
	if f.Lead > 0 {
		lead = f.Lead.Round(time.Second).String()
	}
	exposed := fmt.Sprintf("%.1f minutes", f.Exposed.Minutes())
	if f.Open {
		exposed += ", and counting"
	}
	rows := [][]string{
		{"Change-failure rate", rate, "stages that were begun, and of them taken back"},
		{"Lead time", lead, "from the log's first entry until the last cohort of " + in.goal()},
		{"Exposure", exposed, "from returns that opened tables until these were closed again"},
	}
	if len(f.Restore) == 0 {
		rows = append(rows, []string{"Time to restore", "nothing was taken back", "entries of kind returned"})
	}
	for _, r := range f.Restore {
		rows = append(rows, []string{"Time to restore", seconds(r.Took.Seconds()), fmt.Sprintf("%s at %s: the rung %s was done", r.Signal, r.Stage, r.Rung)})
	}
	b.WriteString("## Figures\n\n")
	table(b, []string{"Figure", "Measured", "Source"}, rows)
}

func (in *Input) ranBy() []string {
	var out []string
	for _, e := range in.Bundle.Log.Entries() {
		var p rollout.Progress
		if e.Kind == ledger.KindBegun && json.Unmarshal(e.Body, &p) == nil && !slices.Contains(out, p.By) {
			out = append(out, p.By)
		}
	}
	if len(out) == 0 {
		return []string{"nobody yet"}
	}
	return out
}

func tablesOf(in *Input) int {
	seen := map[string]bool{}
	for _, s := range in.Plan.Steps {
		if s.Table != "" {
			seen[s.Table] = true
		}
	}
	return len(seen)
}

// outcome tells how a fact stood at the last stage's decision.
func (in *Input) outcome(name string) string {
	for _, g := range in.Final.Document(&in.Bundle.State.Rollout).Gates {
		for _, f := range g.Facts {
			if f.Name == name {
				return f.Stands + ", " + measured(f.Fact)
			}
		}
	}
	return "missing"
}

func (in *Input) worked() string {
	states := in.states()
	return in.each(func(i int, stage *rollout.Stage) string {
		switch st := states[i]; {
		case st.Begun.IsZero():
			return "it was not begun at " + stage.Name
		case len(st.Signals) > 0:
			return fmt.Sprintf("%d signals in %d samples", len(st.Signals), len(st.Samples))
		default:
			return fmt.Sprintf("no signal in %d samples over %s with calls enough", len(st.Samples), rollout.Brief(st.Soaked()))
		}
	})
}

func (in *Input) takenBack() string {
	var all []rollout.Return
	for _, stage := range in.Bundle.State.Rollout.Stages {
		if st := in.Bundle.State.Stages[stage.Name]; st != nil {
			all = append(all, st.Returns...)
		}
	}
	if len(all) == 0 {
		return "no"
	}
	return rollout.Words(all)
}
