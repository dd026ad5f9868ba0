package rollout

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// A Gate is one condition that must hold before a stage begins. It is a pure reading of facts: it does no I/O, so that a decision can
// be made again later from the log alone.
type Gate struct {
	Name  string
	Item  int // in the checklist of fifteen; 0: beside it
	Title string
	Doc   string
	// Facts are all asked for; each must pass and be fresh.
	Facts []*Collector
	// Later gates are asked for after the first stage only.
	Later bool
	// Fixed gates cannot be waived.
	Fixed bool
	// Own judges what no collector finds out, from the state itself; nil: the facts alone decide.
	Own func(s *State, stage *Stage, people *attest.Approvers, at time.Time) (Outcome, string, error)
}

// Gates returns every gate, the checklist first, in its order.
func Gates() []*Gate {
	return []*Gate{
		&backupFresh, &backupRestored, &planRehearsed, &rollbackRehearsed, &stagingVerified, &stagingSoaked, &noDrift, &isolationHolds,
		&applicationRole, &applicationContext, &capacityLeft, &alertsArrive, &onCallReachable, &signedOff, &noSecrets,
		&targetIdentity, &clockRight, &quietLoad, &documentsCurrent, &observedQuiet,
	}
}

// A Check is one gate's answer.
type Check struct {
	Gate    *Gate
	Outcome Outcome
	Facts   []FactCheck
	Why     string
}

// A FactCheck is one fact a gate asked for, as it stands.
type FactCheck struct {
	Fact      Fact
	Collector *Collector
	Outcome   Outcome
	Stale     bool
	Waived    string // reason, where it was waived
}

// A Decision answers whether a stage may begin. There is no score: one thing missing is red.
type Decision struct {
	Stage  string
	At     time.Time
	Green  bool
	Checks []Check
	Stale  bool // red only because something expired
	// Signatures are all of the stage, with what makes one void.
	Signatures []Signature

	// Standing says where the stage is already; Applied is when it was applied, where that stands.
	Standing string
	Applied  time.Time

	facts func(*Collector) FactCheck // as it stood, for those that no gate asked for
	first bool                       // no stage is before it
}

// fact returns how a fact stood.
func (d *Decision) fact(c *Collector) FactCheck { return d.facts(c) }

// Decide answers for a stage at a time. An error says that a signature does not hold: nothing is decided then.
func (s *State) Decide(stage *Stage, people *attest.Approvers, at time.Time) (*Decision, error) {
	waived, err := s.waived(stage, people, at)
	if err != nil {
		return nil, err
	}
	said, err := s.words(stage, people)
	if err != nil {
		return nil, err
	}
	j := judging{waived, said, at}
	d := &Decision{Stage: stage.Name, At: at, Green: true, Stale: true, Standing: s.standing(stage), first: len(s.Rollout.Before(stage.Group())) == 0}
	if st := s.stage(stage.Name); st.Returned.IsZero() {
		d.Applied = st.Applied
	}
	d.facts = func(c *Collector) FactCheck { return s.fact(c, stage, j, false) }
	for _, g := range Gates() {
		if g.Later && d.first {
			continue
		}
		c, err := s.check(g, stage, people, j)
		if err != nil {
			return nil, err
		}
		d.Checks = append(d.Checks, c)
	}
	if d.Signatures, err = s.Signatures(stage, people, at); err != nil {
		return nil, err
	}
	for i := range d.Checks {
		if c := &d.Checks[i]; c.Outcome != Pass {
			d.Green = false
			d.Stale = d.Stale && (c.stale() || c.Gate == &signedOff && lapsed(s.Rollout.Roles, d.Signatures))
		}
	}
	d.Stale = d.Stale && !d.Green
	return d, nil
}

// stale reports whether the gate is shut only since facts expired.
func (c *Check) stale() bool {
	return slices.ContainsFunc(c.Facts, func(f FactCheck) bool { return f.Stale }) &&
		!slices.ContainsFunc(c.Facts, func(f FactCheck) bool { return f.Outcome != Pass && !f.Stale })
}

// judging is what holds for all gates of one decision.
type judging struct {
	waived map[string]string
	said   map[string]Fact
	at     time.Time
}

func (s *State) check(g *Gate, stage *Stage, people *attest.Approvers, j judging) (Check, error) {
	c := Check{Gate: g, Outcome: Pass}
	for _, want := range g.Facts {
		f := s.fact(want, stage, j, g.Fixed)
		c.Facts = append(c.Facts, f)
		c.Outcome = min(c.Outcome, f.Outcome)
		if f.Outcome == Fail { // a failure is told before what is not known
			c.Outcome = Fail
		}
	}
	if slices.ContainsFunc(c.Facts, func(f FactCheck) bool { return f.Outcome == Fail }) {
		c.Outcome = Fail
	}
	if g.Own == nil {
		return c, nil
	}
	o, why, err := g.Own(s, stage, people, j.at)
	c.Outcome, c.Why = min(c.Outcome, o), why
	return c, err
}

// fact returns how one fact stands: missing and stale ones are unknown.
func (s *State) fact(want *Collector, stage *Stage, j judging, fixed bool) FactCheck {
	f, ok := s.Facts[factKey{stage.Name, want.Name}]
	if want.Attested {
		f, ok = j.said[want.Name]
	}
	out := FactCheck{Fact: f, Collector: want, Outcome: f.Outcome}
	switch {
	case !ok:
		out.Fact = Fact{Name: want.Name, Stage: stage.Name, Why: "it was never found out: " + want.How}
	case !j.at.Before(f.Until):
		out.Outcome, out.Stale = Unknown, true
		out.Fact.Why = fmt.Sprintf("it was found out as %s, which counted until %s: find it out again", f.Outcome, f.Until.UTC().Format(time.RFC3339))
	case f.At.After(j.at):
		out.Outcome, out.Fact.Why = Unknown, "it was found out later than now: a clock is wrong"
	}
	if reason, ok := j.waived[want.Name]; ok && !fixed && out.Outcome != Pass {
		out.Outcome, out.Waived = Pass, reason
	}
	return out
}
