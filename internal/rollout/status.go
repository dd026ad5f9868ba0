package rollout

import (
	"fmt"
	"io"
	"time"

	"github.com/ringfencehq/ringfence/internal/secret"
)

// StatusVersion names the JSON form of a Status.
const StatusVersion = "ringfence/rollout-status/v1"

// A Status says how far a rollout is.
type Status struct {
	Schema  string         `json:"schema"`
	Rollout string         `json:"rollout"`
	Plan    string         `json:"plan"`
	Author  string         `json:"author"`
	Begun   time.Time      `json:"begun_at"`
	Closed  bool           `json:"closed"`
	Entries int            `json:"entries"`
	Head    string         `json:"head"` // of the log: print it elsewhere, so that nobody can write the log anew
	Stages  []StageStatus  `json:"stages"`
	Summary map[string]int `json:"summary"` // stages by state
}

// A StageStatus is how far one stage is.
type StageStatus struct {
	Stage      string     `json:"stage"`
	State      string     `json:"state"` // planned, observing, applying, soaking, soaked, returned
	Begun      time.Time  `json:"begun_at,omitzero"`
	Applied    time.Time  `json:"applied_at,omitzero"`
	Cohorts    int        `json:"cohorts"`
	Soaked     string     `json:"soaked"`
	Soak       string     `json:"soak"`
	Samples    int        `json:"samples"`
	Why        string     `json:"why"` // the last sample did not count
	Exposed    string     `json:"exposed"`
	Open       []string   `json:"open"` // tables that a return left open, and that are so still
	Signals    []Signal   `json:"signals"`
	Returning  []Return   `json:"returning,omitempty"` // begun by a run that was killed, and gone on with by the next watch or advance
	Returns    []Return   `json:"returns"`
	Pages      []Page     `json:"pages"`
	Exposures  []Exposure `json:"exposures"`
	Unanswered int        `json:"unanswered"` // alarms that nobody has answered
}

// Status tells it at a time.
func (s *State) Status(now time.Time, entries int) *Status {
	d := &Status{Schema: StatusVersion, Rollout: s.Rollout.ID, Plan: string(s.Rollout.Plan), Author: s.Rollout.Author, Begun: s.Rollout.Created, Closed: s.Closed,
		Entries: entries, Head: string(s.Head), Stages: []StageStatus{}, Summary: map[string]int{}}
	for _, stage := range s.Rollout.Stages {
		one := s.stage(stage.Name).status(stage, now)
		d.Stages = append(d.Stages, one)
		d.Summary[one.State]++
	}
	return d
}

func (st *StageState) status(stage Stage, now time.Time) StageStatus {
	exposed, _ := st.Exposed(now)
	out := StageStatus{Stage: stage.Name, State: "planned", Begun: st.Begun, Applied: st.Applied, Cohorts: st.Cohorts, Soaked: st.Soaked().Round(time.Second).String(),
		Soak: stage.Soak.String(), Samples: len(st.Samples), Exposed: exposed.Round(time.Second).String(), Open: []string{}, Signals: st.Signals, Returning: st.Returning, Returns: st.Returns,
		Pages: st.Pages, Exposures: st.Exposures}
	for _, e := range st.Exposures {
		if e.To.IsZero() {
			out.Open = append(out.Open, e.Tables...)
		}
	}
	switch {
	case !st.Returned.IsZero():
		out.State = "returned"
	case !st.Applied.IsZero() && st.Soaked() >= stage.Soak:
		out.State = "soaked"
	case !st.Applied.IsZero():
		out.State = "soaking"
	case !st.Begun.IsZero():
		out.State = "applying"
	case !st.Observing.IsZero():
		out.State = "observing"
	}
	if n := len(st.Samples); n > 0 {
		out.Why = st.Samples[n-1].Why
	}
	out.Unanswered = len(Open(st.Pages))
	return out
}

// standing says in a line where a stage is.
func (s *State) standing(stage *Stage) string {
	st, text := s.stage(stage.Name), "not begun"
	day := func(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }
	switch {
	case !st.Returned.IsZero():
		text = "taken back " + day(st.Returned)
	case !st.Applied.IsZero():
		text = "applied already, " + day(st.Applied)
	case !st.Begun.IsZero():
		text = fmt.Sprintf("begun %s, %d cohorts applied", day(st.Begun), st.Cohorts)
	case !st.Observing.IsZero():
		text = "observed since " + day(st.Observing) + ", nothing is refused yet"
	}
	if s.Closed {
		text += "; the rollout is closed"
	}
	return text
}

// Text writes it for people.
func (d *Status) Text(w io.Writer) error {
	var err error
	line := func(format string, args ...any) {
		if err == nil {
			_, err = fmt.Fprintf(w, format+"\n", args...)
		}
	}
	line("rollout %s, plan %s, by %s%s", d.Rollout, d.Plan[:min(12, len(d.Plan))], d.Author, map[bool]string{true: ", closed"}[d.Closed])
	line("log     %d entries, head %s", d.Entries, d.Head)
	for _, s := range d.Stages {
		line("%-12s %-10s soaked %s of %s, %d samples", s.Stage, s.State, s.Soaked, s.Soak, s.Samples)
		if s.Why != "" {
			line("  the last sample did not count: %s", s.Why)
		}
		if len(s.Open) > 0 {
			line("  OPEN to every tenant for %s: %d tables, %s first", s.Exposed, len(s.Open), secret.Redact(s.Open[0]))
		}
		for _, x := range s.Signals {
			line("  signal    %s, severity %d: %s", x.Name, x.Severity, x.Why)
		}
		for _, r := range s.Returning {
			line("  returning %s on %d tables, begun %s and not known to be done: ringfence rollout watch goes on with it", r.Rung, len(r.Tables), r.At.Format(time.RFC3339))
		}
		if len(s.Returns) > 0 {
			line("  returned  %s", Words(s.Returns))
		}
		if s.Unanswered > 0 {
			line("  %d alarms that nobody has answered", s.Unanswered)
		}
	}
	return err
}

// Open returns, for each alarm that nobody has answered, the last page of its path.
func Open(pages []Page) []Page {
	last := map[string]int{}
	var order []string
	for i, p := range pages {
		if _, seen := last[p.Alarm]; !seen {
			order = append(order, p.Alarm)
		}
		last[p.Alarm] = i
	}
	var out []Page
	for _, alarm := range order {
		if p := pages[last[alarm]]; p.Answered == "" && p.Severity < 3 {
			out = append(out, p)
		}
	}
	return out
}
