package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// A Bundle is a rollout as anybody can check it offline: its log, its evidence, its approvers.
type Bundle struct {
	State     *State
	Approvers *attest.Approvers
	Log       *Log
}

// OpenBundle reads a bundle and checks all that does not depend on the time: the chain, each piece of evidence, the approvers'
// signature by the root key, and every signature in the log. root, where given, is the key that the checker trusts; without it the
// rollout's own word is taken, and that is said by whoever prints.
//
// Errors: ErrChain, ErrEvidence and attest.ErrSignature tell what is wrong.
func OpenBundle(ctx context.Context, store Store, root *attest.Key) (*Bundle, error) {
	l, err := OpenLog(ctx, store)
	if err != nil {
		return nil, err
	}
	if len(l.Entries()) == 0 {
		return nil, errors.New("reading the bundle: there is no log in it")
	}
	s, err := Replay(l.Entries())
	if err != nil {
		return nil, err
	}
	if root != nil {
		own, err := attest.ParseKey(s.Rollout.Root)
		if err != nil || own.ID() != root.ID() {
			return nil, fmt.Errorf("%w: the approvers are signed by another root than the one that is trusted", attest.ErrSignature)
		}
	}
	people, err := s.Approvers(ctx, store)
	if err != nil {
		return nil, err
	}
	for _, d := range evidenceOf(l.Entries()) {
		if _, err := store.Evidence(ctx, d); err != nil {
			return nil, err
		}
	}
	for _, envelopes := range [][]attest.Envelope{s.Approvals, s.Waivers, s.Words} {
		for i := range envelopes {
			if _, err := people.Signers(&envelopes[i]); err != nil {
				return nil, err
			}
		}
	}
	return &Bundle{State: s, Approvers: people, Log: l}, nil
}

// DecideAsOf answers for a stage as it stood when it was begun, or now where it was not: a bundle is checked for what was known then.
func (b *Bundle) DecideAsOf(stage *Stage, now time.Time) (*Decision, error) {
	for i, e := range b.Log.Entries() {
		if e.Kind != KindBegun || e.Stage != stage.Name {
			continue
		}
		then, err := Replay(b.Log.Entries()[:i])
		if err != nil {
			return nil, err
		}
		return then.Decide(stage, b.Approvers, e.At)
	}
	return b.State.Decide(stage, b.Approvers, now)
}
