// Package rollout takes a plan from one target to the next on facts, signatures and measured behaviour. A rollout is what was asked
// for (Rollout), a log of what happened, chained by hashes (Log), and the decision that follows from both and the time (Decide).
// Decisions are pure: replayed from the log they come out the same.
//
//	rollout.go   what was asked for: plan, stages, roles, window, soak
//	fact.go      what is known, with three outcomes; unknown is the zero value
//	gate_*.go    one condition each, made of facts
//	decide.go    may this stage begin?
//	group.go     one stage of several databases
//	log*.go      what happened, in the target's database and in a directory that can be committed
//
// To add a gate: write gate_NAME.go with one Gate value whose Facts are Collectors, list it in Gates, and give it a case in the
// tests. A gate names its collectors as Go values, so that one whose fact nobody collects does not compile.
package rollout

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// Version names the JSON form of a rollout and of its documents.
const Version = "ringfence/rollout/v1"

// The roles that sign where nothing else is asked for.
var DefaultRoles = []string{"technical_lead", "database_administrator", "security", "product_owner"}

// A Rollout is what was asked for. It is the first entry of its log and never changes: another plan is another rollout.
type Rollout struct {
	Schema       string        `json:"schema"`
	ID           string        `json:"id"`
	Created      time.Time     `json:"created_at"`
	Author       string        `json:"author"`  // who made the plan; cannot sign
	Editors      []string      `json:"editors"` // who changed it last; cannot sign either
	Plan         attest.Digest `json:"plan"`
	Rollback     attest.Digest `json:"rollback"`
	Approvers    attest.Digest `json:"approvers"` // of approvers.yaml
	ApproversSig attest.Digest `json:"approvers_signature"`
	Definition   attest.Digest `json:"definition"` // of rollout.yaml
	Config       attest.Digest `json:"config"`     // of ringfence.yaml: how the schema is read, and what is accepted; empty: there is none
	Root         string        `json:"root"`       // the key that signed it, as in authorized_keys
	Roles        []string      `json:"roles"`      // that must sign, each by a person of its own
	Stages       []Stage       `json:"stages"`
	// OpenAllowed are the tables that an automatic return may open to every tenant, by name, since the signers agreed to it.
	OpenAllowed []string `json:"open_allowed"`
}

// A Stage is one target, and what is asked of it. A stage of several databases is several of these, named STAGE.DATABASE.
type Stage struct {
	Name             string        `json:"name"`
	SystemIdentifier string        `json:"system_identifier"`
	Database         string        `json:"database"`
	Mark             string        `json:"mark,omitempty"` // written into the database when the rollout was begun: a copy of a server shares all else
	Soak             time.Duration `json:"soak"`           // measured behaviour asked for before the next stage
	Window           Window        `json:"window"`
	Cohorts          [][]string    `json:"cohorts"` // tables, the canary cohort first; empty: all at once
	Observe          time.Duration `json:"observe"` // begin with the mode that refuses nothing, for that long
	Settle           time.Duration `json:"settle"`  // watched after each cohort before the next one
}

// A Window is when a stage may be advanced: it opens by cron's rule, in a zone, for a while. The zero Window is always open.
type Window struct {
	Cron string        `json:"cron,omitempty"` // minute hour day month weekday
	Zone string        `json:"zone,omitempty"` // IANA; empty is UTC
	For  time.Duration `json:"for,omitempty"`
}

// Open reports whether the window is open at the time, and when it opens next where it is not.
func (w Window) Open(at time.Time) (open bool, next time.Time, err error) {
	if w.Cron == "" {
		return true, time.Time{}, nil
	}
	schedule, zone, err := w.parse()
	if err != nil {
		return false, time.Time{}, err
	}
	begun := schedule.Next(at.In(zone).Add(-w.For))
	if !begun.After(at) {
		return true, time.Time{}, nil
	}
	return false, begun, nil
}

func (w Window) parse() (cron.Schedule, *time.Location, error) {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil || w.Zone == "Local" { // which is another one on each machine
		return nil, nil, fmt.Errorf("reading the window: the zone %q is not known", w.Zone)
	}
	if strings.ContainsAny(w.Cron, "@=") { // every so often, or a zone of its own
		return nil, nil, fmt.Errorf("reading the window: %q is not minute, hour, day, month and weekday", w.Cron)
	}
	schedule, err := cron.ParseStandard(w.Cron)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the window: %w", err)
	}
	if schedule.Next(time.Unix(0, 0).In(zone)).IsZero() {
		return nil, nil, fmt.Errorf("reading the window: %q never opens", w.Cron)
	}
	if w.For <= 0 || w.For > 24*time.Hour {
		return nil, nil, errors.New("reading the window: it has to be open for a time of at most a day")
	}
	return schedule, zone, nil
}

var stageName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,30}(\.[a-z0-9][a-z0-9_-]{0,30})?$`)

// Check validates what was asked for.
func (r *Rollout) Check() error {
	if r.Schema != Version || r.ID == "" || r.Author == "" || r.Plan == "" || r.Rollback == "" || r.Approvers == "" {
		return errors.New("reading the rollout: it is not whole")
	}
	if len(r.Stages) == 0 || len(r.Roles) == 0 {
		return errors.New("reading the rollout: it has no stage, or no role that signs")
	}
	seen := map[string]bool{}
	for _, s := range r.Stages {
		if !stageName.MatchString(s.Name) || seen[s.Name] {
			return fmt.Errorf("reading the rollout: the stage %q has no name of its own in lower-case letters", s.Name)
		}
		seen[s.Name] = true
		if s.Window.Cron != "" {
			if _, _, err := s.Window.parse(); err != nil {
				return err
			}
		}
	}
	return r.checkGroups()
}

// Stage returns the stage of that name and its place, or nil.
func (r *Rollout) Stage(name string) (s *Stage, at int) {
	at = slices.IndexFunc(r.Stages, func(s Stage) bool { return s.Name == name })
	if at < 0 {
		return nil, -1
	}
	return &r.Stages[at], at
}

// Digest is of all that was asked for: who signs, which stages, what may be opened. A log that was begun anew with other words has
// another one.
func (r *Rollout) Digest() attest.Digest {
	raw, err := json.Marshal(r)
	if err != nil { // strings, numbers and times always can be written
		panic(err)
	}
	return attest.DigestOf(raw)
}

// Subjects are what a signature for a stage covers: the plan, its way back, what was asked for, the evidence and the target.
func (r *Rollout) Subjects(stage *Stage, evidence attest.Digest) []attest.Subject {
	return []attest.Subject{
		attest.SubjectOf("plan", r.Plan), attest.SubjectOf("rollback", r.Rollback),
		attest.SubjectOf("rollout", r.Digest()), attest.SubjectOf("evidence", evidence), attest.SubjectOf("target", r.target(stage)),
	}
}
