package rollout

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// waived returns the facts that a person let pass for the stage, with the reason and who it was. A waiver counts where a person among
// the approvers signed it who did not make the change, for this plan and target, until it expires; gates that are fixed take none.
func (s *State) waived(stage *Stage, people *attest.Approvers, at time.Time) (map[string]string, error) {
	out := map[string]string{}
	for i := range s.Waivers {
		statement, err := attest.Read(&s.Waivers[i])
		if err != nil {
			return nil, fmt.Errorf("%w: a waiver: %v", attest.ErrSignature, err)
		}
		var w Waiver
		if err := json.Unmarshal(statement.Predicate, &w); err != nil || statement.PredicateType != WaiverType {
			return nil, fmt.Errorf("%w: a waiver cannot be read", attest.ErrSignature)
		}
		signers, err := people.Signers(&s.Waivers[i])
		if err != nil {
			return nil, err
		}
		if w.Rollout != s.Rollout.ID || w.Stage != stage.Group() || !at.Before(w.Expires) || w.Reason == "" || !statement.Covers(s.waiverSubjects(stage)) {
			continue
		}
		for _, p := range signers {
			if !s.Rollout.made(p) {
				out[w.Fact] = fmt.Sprintf("%s (%s, until %s)", w.Reason, p.Name, w.Expires.UTC().Format(time.DateOnly))
			}
		}
	}
	return out, nil
}

// waiverSubjects are what a waiver covers: it is given before the evidence is whole.
func (s *State) waiverSubjects(stage *Stage) []attest.Subject {
	var out []attest.Subject
	for _, x := range s.Rollout.Subjects(stage, "") {
		if x.Name != "evidence" {
			out = append(out, x)
		}
	}
	return out
}

// Waive makes the statement that lets a fact pass. Facts of gates that are fixed (isolation, identity, drift) cannot be waived.
func (s *State) Waive(stage *Stage, fact, reason string, until time.Time) (*attest.Envelope, error) {
	known := false
	for _, g := range Gates() {
		for _, c := range g.Facts {
			if c.Name != fact {
				continue
			}
			if known = true; g.Fixed {
				return nil, fmt.Errorf("waiving %s: it belongs to %q, which cannot be waived", fact, g.Title)
			}
		}
	}
	if !known {
		return nil, fmt.Errorf("waiving %s: no gate asks for it", fact)
	}
	if reason == "" {
		return nil, fmt.Errorf("waiving %s: a reason is asked for", fact)
	}
	return attest.Seal(s.waiverSubjects(stage), WaiverType, Waiver{s.Rollout.ID, stage.Group(), fact, reason, until.UTC()})
}
