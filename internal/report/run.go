package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/english"
)

// RunVersion names the JSON form of what a run did.
const RunVersion = "ringfence/run/v1"

// A Run is the document of ringfence apply and ringfence rollback.
type Run struct {
	Schema  string         `json:"schema"`
	Verb    string         `json:"verb"`
	Run     string         `json:"run"`
	Plan    string         `json:"plan"`
	Checks  []apply.Check  `json:"preflight"`
	Steps   []RunStep      `json:"steps"`
	Summary map[string]int `json:"summary"` // steps by outcome
	Ended   *time.Time     `json:"ended,omitempty"`
}

// A RunStep is what a run did about one step.
type RunStep struct {
	Step     int           `json:"step"`
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`
	Object   string        `json:"object"`
	Table    string        `json:"table,omitempty"`
	Outcome  apply.Outcome `json:"outcome"`
	Attempts int           `json:"attempts"`
	Rows     int64         `json:"rows"`
	Seconds  float64       `json:"seconds"`
	Waited   float64       `json:"waited_seconds"`
	Why      string        `json:"why,omitempty"`
}

// OfRun makes the document of a run; nil where there was none.
func OfRun(verb string, r *apply.Result) *Report {
	if r == nil {
		return nil
	}
	doc := &Run{Schema: RunVersion, Verb: verb, Run: r.Run, Plan: r.Plan, Checks: some(r.Preflight), Steps: []RunStep{}, Summary: map[string]int{}}
	for _, s := range r.Steps {
		doc.Steps = append(doc.Steps, RunStep{Step: s.Step, ID: s.ID, Kind: s.Kind, Object: s.Object, Table: s.Table, Outcome: s.Outcome,
			Attempts: s.Attempts, Rows: s.Rows, Seconds: seconds(s.Took), Waited: seconds(s.Waited), Why: s.Why})
		doc.Summary[string(s.Outcome)]++
	}
	return &Report{Run: doc}
}

// seconds rounds to milliseconds.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

func (p *printer) run(r *Run) {
	for _, c := range r.Checks {
		if c.State != apply.CheckOK {
			p.wrapped("  ", safe(string(c.State))+": "+safe(c.Detail))
		}
	}
	for _, s := range r.Steps {
		if s.Outcome == apply.WouldDo || s.Why != "" && s.Outcome != apply.NoNeed {
			p.line("%s", strings.TrimRight(fmt.Sprintf("  %-10s %s %s  %s", safe(string(s.Outcome)), safe(s.Kind), safe(s.Object), safe(s.Why)), " "))
		}
	}
	var words []string
	for o := range r.Summary {
		words = append(words, o)
	}
	p.line("%s: %s", safe(r.Verb), english.Count(len(r.Steps), "step"))
	for _, o := range sorted(words) {
		p.line("  %4d %s", r.Summary[o], safe(o))
	}
}
