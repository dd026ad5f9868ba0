package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
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
	Head      attest.Digest // hash of the last entry

	latest map[string]time.Time // the latest entry's time, by stage with all its databases
}

type factKey struct{ stage, name string }

// A StageState is how far one stage is.
type StageState struct {
	Observing time.Time // the mode that refuses nothing was installed; zero: it is not, or not any more
	// ObserveFor is how long it was asked for.
	ObserveFor time.Duration
	Observed   time.Time // it was taken away, quiet, and the stage may be applied; zero: it was not
	Begun      time.Time
	Applied    time.Time // the last cohort
	Out        time.Time // it was watched after the last cohort, and the code is out
	Returned   time.Time // zero: it stands
	Cohorts    int       // applied
	Tables     []string  // of the cohorts applied
	Baseline   []Sample  // measured before it was begun
	Samples    []Sample
	Signals    []Signal
	Returning  []Return // begun, and not known to be done
	Returns    []Return
	Exposures  []Exposure
	Pages      []Page
}

// out reports whether the stage is out, and stands.
func (st *StageState) out() bool { return !st.Out.IsZero() && st.Returned.IsZero() }

// Called reports whether people were called for the signal since it was seen.
func (st *StageState) Called(s Signal) bool {
	return slices.ContainsFunc(st.Pages, func(p Page) bool { return p.Alarm == s.Name && !p.At.Before(s.At) })
}

// Answered reports whether all was done that the signal asks for: people were called, and what is to be taken back by itself was.
func (st *StageState) Answered(s Signal) bool {
	return st.Called(s) && (len(st.returns(s)) > 0 || !s.Returns())
}

// returns are those that answered the signal.
func (st *StageState) returns(s Signal) []Return {
	return slices.DeleteFunc(slices.Clone(st.Returns), func(r Return) bool { return r.Signal != s.Name || r.At.Before(s.At) })
}

// Returns reports whether the signal takes the stage back by itself.
func (s Signal) Returns() bool { return s.Severity == 1 || s.Severity == 2 && s.Path == PathLatency }

// An Exposure is a time in which an automatic or emergency return left tables open to every tenant.
type Exposure struct {
	Tables []string  `json:"tables"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"` // zero: they are open still
}

// Exposed is how long tables stood open, until now for those that do.
func (st *StageState) Exposed(now time.Time) (sum time.Duration, open bool) {
	for _, e := range st.Exposures {
		if e.To.IsZero() {
			sum, open = sum+now.Sub(e.From), true
			continue
		}
		sum += e.To.Sub(e.From)
	}
	return sum, open
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
	At       time.Time          `json:"at"`
	Before   bool               `json:"before,omitempty"` // of the time before the stage was begun: what later ones are compared with
	Enough   bool               `json:"enough"`           // calls enough to judge by; without, the clock of the soak stands
	Why      string             `json:"why,omitempty"`    // where it was not enough
	Checks   int                `json:"checks"`           // looks for stop signals since the last sample, this one too
	Values   map[string]float64 `json:"values"`
	Restart  bool               `json:"restart,omitempty"` // the server or its statistics began anew since the last one
	Evidence attest.Digest      `json:"evidence,omitempty"`
}

// A SignalPath says whose way to the rows a signal is about: the rung that answers it depends on it.
type SignalPath string

// The paths.
const (
	PathTenant  SignalPath = "tenant"  // the application's role under row security
	PathOwner   SignalPath = "owner"   // the owner, whom FORCE binds
	PathLatency SignalPath = "latency" // right answers, late
	PathTrigger SignalPath = "trigger" // what triggers write
	PathNone    SignalPath = ""        // nothing that a rung could mend
)

// A Signal is something that was seen and is not as it should be.
type Signal struct {
	At       time.Time  `json:"at"`
	Name     string     `json:"name"`
	Path     SignalPath `json:"path,omitempty"`
	Severity int        `json:"severity"` // 1: taken back at once; 2: halts and asks; 3: a ticket
	Tables   []string   `json:"tables"`
	Role     string     `json:"role,omitempty"` // whose statements tell
	Value    string     `json:"value"`
	Why      string     `json:"why"`
}

// A Return says what was taken back, and by which rung.
type Return struct {
	At        time.Time     `json:"at"`
	Rung      string        `json:"rung"`
	Tables    []string      `json:"tables"`
	Reason    string        `json:"reason"`
	Signal    string        `json:"signal"`
	Opened    bool          `json:"opened"` // isolation is open since: the exposure clock runs
	Took      time.Duration `json:"took"`   // from the signal until it was done
	By        string        `json:"by"`
	Emergency bool          `json:"emergency"`
	Left      string        `json:"left,omitempty"` // what was not taken back, and why
}

// A Page is one call for a person.
type Page struct {
	At       time.Time `json:"at"`
	Alarm    string    `json:"alarm"` // what it is about: the signal's name; the same for every step of one path
	To       string    `json:"to"`
	Role     string    `json:"role"`
	Step     int       `json:"step"` // of the escalation path, from 1
	Severity int       `json:"severity"`
	Why      string    `json:"why"`
	Sent     bool      `json:"sent"`
	Trouble  string    `json:"trouble,omitempty"`  // why it could not be sent
	Answered string    `json:"answered,omitempty"` // by whom; the entry then stands for the answer
}

// Replay reads a log's entries. It trusts the chain, which OpenLog checked, and nothing else: what a body cannot be is an error.
func Replay(entries []ledger.Entry) (*State, error) {
	s := &State{Facts: map[factKey]Fact{}, Stages: map[string]*StageState{}, latest: map[string]time.Time{}}
	for i := range entries {
		s.Head = entries[i].Hash
		if group := (&Stage{Name: entries[i].Stage}).Group(); entries[i].At.After(s.latest[group]) {
			s.latest[group] = entries[i].At
		}
		if err := s.take(&entries[i]); err != nil {
			return nil, fmt.Errorf("reading entry %d of the log, %s: %w", entries[i].Sequence, entries[i].Kind, err)
		}
	}
	return s, s.Rollout.Check()
}

func (s *State) take(e *ledger.Entry) error {
	switch e.Kind {
	case ledger.KindCreated:
		if s.Rollout.ID != "" {
			return fmt.Errorf("%w: there are two beginnings", ledger.ErrChain)
		}
		return json.Unmarshal(e.Body, &s.Rollout)
	case ledger.KindFact:
		var f Fact
		err := json.Unmarshal(e.Body, &f)
		s.Facts[factKey{f.Stage, f.Name}] = f
		return err
	case ledger.KindSignature:
		return appendTo(&s.Approvals, e.Body)
	case ledger.KindWaiver:
		return appendTo(&s.Waivers, e.Body)
	case ledger.KindWord:
		return appendTo(&s.Words, e.Body)
	case ledger.KindSample:
		return s.sample(e)
	case ledger.KindPage:
		return appendTo(&s.stage(e.Stage).Pages, e.Body)
	case ledger.KindObserving:
		var o observing
		if err := json.Unmarshal(e.Body, &o); err != nil {
			return err
		}
		st := s.stage(e.Stage)
		if st.Observing, st.ObserveFor, st.Observed = e.At, o.For, (time.Time{}); o.Ended {
			st.Observing = time.Time{}
		}
		if o.Quiet {
			st.Observed = e.At
		}
	case ledger.KindSignal:
		return appendTo(&s.stage(e.Stage).Signals, e.Body)
	case ledger.KindOut:
		s.stage(e.Stage).Out = e.At
	case ledger.KindReturning:
		return appendTo(&s.stage(e.Stage).Returning, e.Body)
	case ledger.KindBegun, ledger.KindApplied, ledger.KindReturned:
		return s.progress(e)
	case ledger.KindClosed:
		s.Closed = true
	}
	return nil
}

func (s *State) sample(e *ledger.Entry) error {
	var one Sample
	if err := json.Unmarshal(e.Body, &one); err != nil {
		return err
	}
	st := s.stage(e.Stage)
	if one.Before {
		st.Baseline = append(st.Baseline, one)
		return nil
	}
	st.Samples = append(st.Samples, one)
	return nil
}

func (s *State) progress(e *ledger.Entry) error {
	st := s.stage(e.Stage)
	switch e.Kind {
	case ledger.KindBegun:
		if st.Observing = (time.Time{}); st.Begun.IsZero() || !st.Returned.IsZero() {
			*st = StageState{Begun: e.At, Baseline: st.Baseline, Returns: st.Returns, Exposures: st.Exposures, Pages: st.Pages}
		}
	case ledger.KindReturned:
		return st.returned(e)
	case ledger.KindApplied:
		var p Progress
		if err := json.Unmarshal(e.Body, &p); err != nil {
			return err
		}
		st.Cohorts, st.Tables = p.Cohort, append(st.Tables, p.Tables...)
		if p.Cohort >= p.Of {
			st.Applied = e.At
		}
		for i := range st.Exposures { // what was opened is closed again with the tables
			if x := &st.Exposures[i]; x.To.IsZero() && (p.Cohort >= p.Of || !slices.ContainsFunc(x.Tables, func(t string) bool { return !slices.Contains(st.Tables, t) })) {
				x.To = e.At
			}
		}
	}
	return nil
}

// open reports whether a table stands open already.
func (st *StageState) open(table string) bool {
	return slices.ContainsFunc(st.Exposures, func(x Exposure) bool { return x.To.IsZero() && slices.Contains(x.Tables, table) })
}

func (st *StageState) returned(e *ledger.Entry) error {
	var r Return
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return err
	}
	st.Returned, st.Returns = e.At, append(st.Returns, r)
	from := e.At // tables may stand open since the rung was begun
	st.Returning = slices.DeleteFunc(st.Returning, func(begun Return) bool {
		ended := begun.Signal == r.Signal && (begun.Rung == r.Rung || r.Rung == heldRung)
		if ended && begun.At.Before(from) {
			from = begun.At
		}
		return ended
	})
	if opened := slices.DeleteFunc(slices.Clone(r.Tables), st.open); r.Opened && len(opened) > 0 {
		st.Exposures = append(st.Exposures, Exposure{Tables: opened, From: from})
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

// evidence returns what a signature for the stage covers: every fact about each of its databases, as it stands. A fact that is found out again and says
// the same leaves a signature as it is, and one that says something else voids it: what is hashed is what it says, not when.
func (s *State) evidence(stage *Stage) []Fact {
	var out []Fact
	group := stage.Group()
	for key, f := range s.Facts {
		if (&Stage{Name: key.stage}).Group() == group {
			said := Fact{Name: f.Name, Stage: f.Stage, Outcome: f.Outcome, Attested: f.Attested}
			if f.Name == ladder.Name {
				said.Evidence = f.Evidence // the rungs themselves are signed
			}
			out = append(out, said)
		}
	}
	return out
}

// Fact returns the latest fact of a stage by its name.
func (s *State) Fact(stage, name string) (Fact, bool) {
	f, ok := s.Facts[factKey{stage, name}]
	return f, ok
}
