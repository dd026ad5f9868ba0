package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A Bundle is a rollout as anybody can check it offline: its log, its evidence, its approvers.
type Bundle struct {
	State     *State
	Approvers *attest.Approvers
	Log       *ledger.Log
	Witnesses []Witness // what machines signed of the log, in its order
}

// OpenBundle reads a bundle and checks all that does not depend on the time: the chain, each piece of evidence, the approvers'
// signature by the root key, and every signature in the log, machines' too. root, where given, is the key that the checker trusts; without it the
// rollout's own word is taken, and that is said by whoever prints.
//
// Errors: ErrChain, ErrEvidence and attest.ErrSignature tell what is wrong.
func OpenBundle(ctx context.Context, store ledger.Store, root *attest.Key) (*Bundle, error) {
	l, err := ledger.Open(ctx, store)
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
	for _, d := range ledger.EvidenceOf(l.Entries()) {
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
	seen, err := witnesses(l.Entries(), s, people)
	if err != nil {
		return nil, err
	}
	return &Bundle{State: s, Approvers: people, Log: l, Witnesses: seen}, nil
}

// Holds reports whether the log is the one whose head was seen before, or goes on from it, and how many entries came since: one that was cut
// off or written anew is an ErrChain.
func (b *Bundle) Holds(head attest.Digest) (since int, err error) {
	entries := b.Log.Entries()
	i := slices.IndexFunc(entries, func(e ledger.Entry) bool { return e.Hash == head })
	if i < 0 {
		return 0, fmt.Errorf("%w: no entry has the head %s: it was cut off, or written anew", ledger.ErrChain, head)
	}
	return len(entries) - 1 - i, nil
}

// DecideAsOf answers for a stage as it was decided when it was begun, or now where it was not: a bundle is checked for what was known then.
// Of several beginnings it is the first that was not green, else the last.
func (b *Bundle) DecideAsOf(stage *Stage, now time.Time) (*Decision, error) {
	var d *Decision
	for _, m := range b.beginnings(stage) {
		then, err := Replay(b.Log.Entries()[:m.entries])
		if err != nil {
			return nil, err
		}
		if d, err = then.Decide(stage, b.Approvers, m.at); err != nil || !d.Green {
			return d, err
		}
	}
	if d != nil {
		return d, nil
	}
	return b.State.Decide(stage, b.Approvers, now)
}

// DecideGroupAsOf is DecideAsOf for a stage with all its databases.
func (b *Bundle) DecideGroupAsOf(group string, now time.Time) (*Decision, error) {
	all := b.State.Rollout.Group(group)
	var each []*Decision
	for _, stage := range all {
		d, err := b.DecideAsOf(stage, now)
		if err != nil {
			return nil, err
		}
		each = append(each, d)
	}
	return merge(group, all, each)
}

// A beginning is when a run of a stage was decided on: after so many entries of the log.
type beginning struct {
	entries int
	at      time.Time
}

// beginnings are those of a stage. What a run itself writes about its databases (that cohorts were begun and applied, and what was seen
// meanwhile) comes after it was decided on.
func (b *Bundle) beginnings(stage *Stage) (out []beginning) {
	ran := []ledger.Kind{ledger.KindBegun, ledger.KindApplied, ledger.KindSample, ledger.KindSignal, ledger.KindPage}
	entries := b.Log.Entries()
	for i, e := range entries {
		if e.Kind != ledger.KindBegun || e.Stage != stage.Name {
			continue
		}
		m := beginning{i, e.At}
		for j := i - 1; j >= 0; j-- {
			if (&Stage{Name: entries[j].Stage}).Group() != stage.Group() {
				continue
			}
			if !slices.Contains(ran, entries[j].Kind) {
				break
			}
			m = beginning{j, entries[j].At}
		}
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
