package rollout

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// wordHolds is how long a person's word counts.
const wordHolds = 24 * time.Hour

// Say makes the statement by which a person says what cannot be measured.
func (s *State) Say(stage *Stage, fact string, holds bool, text string, at time.Time) (*attest.Envelope, error) {
	for _, c := range Collectors() {
		if c.Name == fact && c.Attested {
			return attest.Seal(s.waiverSubjects(stage), WordType, Word{s.Rollout.ID, stage.Group(), fact, holds, text, at.Add(wordHolds).UTC()})
		}
	}
	return nil, fmt.Errorf("attesting %s: it is measured, or no gate asks for it: a person's word does not count", fact)
}

// words adds what people said to the facts, by the latest of each: said by a person among the approvers, for this plan and target.
func (s *State) words(stage *Stage, people *attest.Approvers) (map[string]Fact, error) {
	out := map[string]Fact{}
	for i := range s.Words {
		statement, err := attest.Read(&s.Words[i])
		if err != nil {
			return nil, fmt.Errorf("%w: a person's word: %v", attest.ErrSignature, err)
		}
		var w Word
		if err := json.Unmarshal(statement.Predicate, &w); err != nil || statement.PredicateType != WordType {
			return nil, fmt.Errorf("%w: a person's word cannot be read", attest.ErrSignature)
		}
		signers, err := people.Signers(&s.Words[i])
		if err != nil {
			return nil, err
		}
		if w.Rollout != s.Rollout.ID || w.Stage != stage.Group() || !statement.Covers(s.waiverSubjects(stage)) || len(signers) == 0 {
			continue
		}
		o := Fail
		if w.Holds {
			o = Pass
		}
		out[w.Fact] = Fact{Name: w.Fact, Stage: stage.Name, Outcome: o, Value: "attested", Why: w.Text, At: w.Expires.Add(-wordHolds), Until: w.Expires, Attested: signers[0].Name}
	}
	return out, nil
}
