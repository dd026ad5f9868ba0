package apply

import "time"

// EventKind says what an Event tells.
type EventKind string

// The kinds of Event.
const (
	EventNote     EventKind = "note"     // something about the whole run
	EventBegin    EventKind = "begin"    // a step begins
	EventWaiting  EventKind = "waiting"  // a step waits for others; Blockers says for whom
	EventRetry    EventKind = "retry"    // an attempt failed and another will follow
	EventProgress EventKind = "progress" // a build or a back-fill moved on
	EventEnd      EventKind = "end"      // a step ended; Outcome says how
)

// An Event is one thing that happened during a run.
type Event struct {
	Kind     EventKind
	Step     int // 1 for the first step; 0 for the whole run
	Of       int
	ID       string
	What     string // the step's kind
	Object   string
	Attempt  int
	Phase    string // of a build, in PostgreSQL's words
	Done     int64  // blocks or rows; Total 0 is unknown
	Total    int64
	Blockers []Blocker
	Outcome  Outcome
	Message  string
}

// An Outcome is how a step ended in one run.
type Outcome string

// The outcomes of a step.
const (
	Did        Outcome = "done"            // by this run
	Already    Outcome = "already"         // in place before the plan touched it
	Before     Outcome = "done before"     // by an earlier run of the same plan
	Adopted    Outcome = "adopted"         // begun by a killed run, finished by the server
	WouldDo    Outcome = "would do"        // dry run
	Held       Outcome = "held"            // waiting was given up; nothing was changed
	Failed     Outcome = "failed"          // refused by the server; nothing was changed
	NotReached Outcome = "not reached"     // an earlier step did not get through
	LeftOut    Outcome = "left out"        // by Options.Only
	Undone     Outcome = "undone"          // taken back by this run
	NotOurs    Outcome = "not ours"        // not taken back: it was there before the plan
	NoNeed     Outcome = "nothing to undo" // not taken back: the plan says why it need not be
	NoWayBack  Outcome = "no way back"     // not taken back: the plan does not say how
	NotDone    Outcome = "not done"        // nothing to take back
	Gone       Outcome = "gone"            // nothing to take back: its table was dropped since, and the step's work with it
	UndoneAgo  Outcome = "undone before"
)

// A StepResult is what one run did about one step.
type StepResult struct {
	Step     int           `json:"step"` // 1 for the first
	ID       string        `json:"id"`
	Kind     string        `json:"kind"`
	Object   string        `json:"object"`
	Table    string        `json:"table,omitempty"`
	Outcome  Outcome       `json:"outcome"`
	Attempts int           `json:"attempts"`
	Rows     int64         `json:"rows,omitempty"` // changed by a back-fill, over all runs
	Took     time.Duration `json:"took_ns"`
	Waited   time.Duration `json:"waited_ns,omitempty"` // for locks that others held
	Blockers []Blocker     `json:"blockers,omitempty"`  // of the last attempt that had any
	Why      string        `json:"why,omitempty"`
}

// A Result is what one run did. It is returned with an error too, as far as the run came.
type Result struct {
	Run       string       `json:"run"` // "" in a dry run
	Plan      string       `json:"plan"`
	Steps     []StepResult `json:"steps"` // one for each step of the plan, in its order
	Preflight []Check      `json:"preflight"`
}

// Count gives the number of steps with an outcome.
func (r *Result) Count(o Outcome) int {
	n := 0
	for _, s := range r.Steps {
		if s.Outcome == o {
			n++
		}
	}
	return n
}
