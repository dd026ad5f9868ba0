package rollout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// WitnessType is the predicate type of what a machine signs about a log.
const WitnessType = "https://ringfence.dev/evidence/v1"

// A Witness is a machine's word that the log stood so at that time: all facts in it, with the digests of their evidence. Whoever has not its
// key cannot write them anew.
type Witness struct {
	Rollout string        `json:"rollout"`
	Entries int           `json:"entries"`
	Head    attest.Digest `json:"head"` // hash of the last of them
	At      time.Time     `json:"at"`
	By      []string      `json:"-"` // the machines that signed, by name
}

// ErrNotAMachine says that evidence was signed by a key that is no machine's.
var ErrNotAMachine = errors.New("only machines sign evidence")

// Witness has a machine sign the log as it stands, and keeps that in it.
func (s *State) Witness(ctx context.Context, l *ledger.Log, people *attest.Approvers, signer attest.Signer, at time.Time) (*Witness, error) {
	entries := l.Entries()
	w := Witness{Rollout: s.Rollout.ID, Entries: len(entries), Head: entries[len(entries)-1].Hash, At: at.UTC()}
	e, err := attest.Seal(s.witnessSubjects(w.Head), WitnessType, w)
	if err != nil {
		return nil, err
	}
	if err := attest.Sign(ctx, e, signer); err != nil {
		return nil, err
	}
	machines, err := people.Witnesses(e)
	if err != nil {
		return nil, err
	}
	if len(machines) == 0 {
		return nil, fmt.Errorf("%w: %s is no key of a machine in approvers.yaml", ErrNotAMachine, signer.Key().ID())
	}
	w.By = []string{machines[0].Name}
	return &w, l.Append(ctx, at, ledger.KindWitness, "", e)
}

func (s *State) witnessSubjects(head attest.Digest) []attest.Subject {
	return []attest.Subject{attest.SubjectOf("plan", s.Rollout.Plan), attest.SubjectOf("rollback", s.Rollout.Rollback), attest.SubjectOf("rollout", s.Rollout.Digest()), attest.SubjectOf("log", head)}
}

// witnesses checks what machines signed: the key is a machine's, and the log stands as they saw it.
func witnesses(entries []ledger.Entry, s *State, people *attest.Approvers) (out []Witness, err error) {
	for i, e := range entries {
		if e.Kind != ledger.KindWitness {
			continue
		}
		var envelope attest.Envelope
		if err := json.Unmarshal(e.Body, &envelope); err != nil {
			return nil, fmt.Errorf("%w: entry %d cannot be read", attest.ErrSignature, e.Sequence)
		}
		statement, err := attest.Read(&envelope)
		if err != nil {
			return nil, fmt.Errorf("%w: entry %d: %v", attest.ErrSignature, e.Sequence, err)
		}
		var w Witness
		if err := json.Unmarshal(statement.Predicate, &w); err != nil || statement.PredicateType != WitnessType {
			return nil, fmt.Errorf("%w: entry %d is no machine's word about the log", attest.ErrSignature, e.Sequence)
		}
		machines, err := people.Witnesses(&envelope)
		if err != nil {
			return nil, err
		}
		if len(machines) == 0 {
			return nil, fmt.Errorf("%w: entry %d is signed by no machine of approvers.yaml", attest.ErrSignature, e.Sequence)
		}
		if w.Entries < 1 || w.Entries > i || entries[w.Entries-1].Hash != w.Head || !statement.Covers(s.witnessSubjects(w.Head)) {
			return nil, fmt.Errorf("%w: %s signed another log than this one", ledger.ErrChain, machines[0].Name)
		}
		for _, m := range machines {
			w.By = append(w.By, m.Name)
		}
		out = append(out, w)
	}
	return out, nil
}
