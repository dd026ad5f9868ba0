package rollout

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// A State is what a log tells when it is replayed.
type State struct {
	Rollout   Rollout
	Facts     map[factKey]Fact // the latest of each
	Approvals []attest.Envelope
	Waivers   []attest.Envelope
	Words     []attest.Envelope
	Stages    map[string]*StageState
	Closed    bool
}

type factKey struct{ stage, name string }

// A StageState is how far one stage is.
type StageState struct {
	Begun    time.Time
	Applied  time.Time // the last cohort
	Returned time.Time // zero: it stands
	Cohorts  int       // applied
	Samples  []Sample
	Signals  []Signal
}

// Progress says which cohort of a stage was begun or applied; tables are its names, for people.
type Progress struct {
	Cohort  int      `json:"cohort"` // from 1
	Of      int      `json:"of"`
	Tables  []string `json:"tables"`
	Steps   int      `json:"steps"`
	Seconds float64  `json:"seconds"`
	By      string   `json:"by"`
}

// A Sample is one round of the watch: what each signal measured.
type Sample struct {
	At      time.Time          `json:"at"`
	Enough  bool               `json:"enough"` // calls enough to judge by; without, the clock of the soak stands
	Values  map[string]float64 `json:"values"`
	Restart bool               `json:"restart,omitempty"` // the server or its statistics began anew since the last one
}

// A Signal is something that was seen and is not as it should be.
type Signal struct {
	Name     string   `json:"name"`
	Severity int      `json:"severity"` // 1: taken back at once; 2: halts and asks; 3: a ticket
	Tables   []string `json:"tables"`
	Value    string   `json:"value"`
	Why      string   `json:"why"`
}

// A Return says what was taken back, and by which rung.
type Return struct {
	Rung    string        `json:"rung"`
	Tables  []string      `json:"tables"`
	Reason  string        `json:"reason"`
	Signal  string        `json:"signal"`
	Opened  bool          `json:"opened"` // isolation is open since: the exposure clock runs
	Took    time.Duration `json:"took"`
	By      string        `json:"by"`
	Emerged bool          `json:"emergency"`
}

// A Page is one call for a person.
type Page struct {
	To       string `json:"to"`
	Step     int    `json:"step"` // of the escalation path, from 1
	Severity int    `json:"severity"`
	Why      string `json:"why"`
	Answered bool   `json:"answered"`
}

// Replay reads a log's entries. It trusts the chain, which OpenLog checked, and nothing else: what a body cannot be is an error.
func Replay(entries []Entry) (*State, error) {
	s := &State{Facts: map[factKey]Fact{}, Stages: map[string]*StageState{}}
	for i := range entries {
		if err := s.take(&entries[i]); err != nil {
			return nil, fmt.Errorf("reading entry %d of the log, %s: %w", entries[i].Sequence, entries[i].Kind, err)
		}
	}
	return s, s.Rollout.Check()
}

func (s *State) take(e *Entry) error {
	switch e.Kind {
	case KindCreated:
		if s.Rollout.ID != "" {
			return fmt.Errorf("%w: there are two beginnings", ErrChain)
		}
		return json.Unmarshal(e.Body, &s.Rollout)
	case KindFact:
		var f Fact
		err := json.Unmarshal(e.Body, &f)
		s.Facts[factKey{f.Stage, f.Name}] = f
		return err
	case KindSignature:
		return appendTo(&s.Approvals, e.Body)
	case KindWaiver:
		return appendTo(&s.Waivers, e.Body)
	case KindWord:
		return appendTo(&s.Words, e.Body)
	case KindSample:
		return appendTo(&s.stage(e.Stage).Samples, e.Body)
	case KindSignal:
		return appendTo(&s.stage(e.Stage).Signals, e.Body)
	case KindBegun, KindApplied, KindReturned:
		return s.progress(e)
	case KindClosed:
		s.Closed = true
	}
	return nil
}

func (s *State) progress(e *Entry) error {
	st := s.stage(e.Stage)
	switch e.Kind {
	case KindBegun:
		if st.Begun.IsZero() || !st.Returned.IsZero() {
			*st = StageState{Begun: e.At}
		}
	case KindReturned:
		st.Returned = e.At
	case KindApplied:
		var p Progress
		if err := json.Unmarshal(e.Body, &p); err != nil {
			return err
		}
		st.Cohorts = p.Cohort
		if p.Cohort >= p.Of {
			st.Applied = e.At
		}
	}
	return nil
}

func (s *State) stage(name string) *StageState {
	if s.Stages[name] == nil {
		s.Stages[name] = &StageState{}
	}
	return s.Stages[name]
}

func appendTo[T any](list *[]T, raw json.RawMessage) error {
	var x T
	err := json.Unmarshal(raw, &x)
	*list = append(*list, x)
	return err
}

// evidence returns what a signature for the stage covers: every fact about it, as it stands. A fact that is found out again and says
// the same leaves a signature as it is, and one that says something else voids it: what is hashed is what it says, not when.
func (s *State) evidence(stage *Stage) []Fact {
	var out []Fact
	for key, f := range s.Facts {
		if key.stage == stage.Name {
			out = append(out, Fact{Name: f.Name, Stage: f.Stage, Outcome: f.Outcome, Attested: f.Attested})
		}
	}
	return out
}
