package rollout

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Papers are the bytes that a rollout rests on. They are kept as evidence, so that the directory and the database each hold all of it.
type Papers struct {
	Definition   []byte // rollout.yaml
	Approvers    []byte // approvers.yaml
	ApproversSig []byte // its signature by the root key, armored
	Plan         *plan.Plan
	Config       []byte // ringfence.yaml; nil: there is none
}

// A TargetID names the database of a stage. Window is its own quietest two hours, where they were asked for; Mark is of its own, see NewMark.
type TargetID struct {
	SystemIdentifier, Database, Mark string
	Window                           Window
}

// Begin makes a rollout from its papers: the approvers are held to the root key, the plan is bound by its digest, and everything is
// written to the log. targets are the stages' databases, in order.
func Begin(ctx context.Context, l *ledger.Log, p Papers, targets []TargetID, at time.Time) (*Rollout, error) {
	if len(l.Entries()) > 0 {
		return nil, errors.New("beginning a rollout: the log has a beginning already")
	}
	d, err := ParseDefinition(p.Definition)
	if err != nil {
		return nil, err
	}
	people, err := checkedApprovers(p.Approvers, p.ApproversSig, d.Root)
	if err != nil {
		return nil, err
	}
	files, err := plan.Files(p.Plan)
	if err != nil {
		return nil, err
	}
	r := &Rollout{Schema: Version, ID: strings.ToLower(rand.Text()[:12]), Created: at.UTC(), Author: d.Author, Editors: d.Editors, Approvers: people.Digest,
		Root: d.Root, Roles: d.Roles, OpenAllowed: d.OpenAllowed}
	for i, s := range d.Stages {
		stage, err := s.stage()
		if err != nil {
			return nil, err
		}
		stage.SystemIdentifier, stage.Database, stage.Mark = targets[i].SystemIdentifier, targets[i].Database, targets[i].Mark
		if stage.Window.Cron == Quietest {
			stage.Window = targets[i].Window
		}
		r.Stages = append(r.Stages, stage)
	}
	if err := d.signable(people); err != nil {
		return nil, err
	}
	for _, kept := range []struct {
		raw  []byte
		into *attest.Digest
	}{{files[plan.PlanFile], &r.Plan}, {files[plan.RollbackFile], &r.Rollback}, {p.Approvers, &r.Approvers}, {p.ApproversSig, &r.ApproversSig}, {p.Definition, &r.Definition}, {p.Config, &r.Config}} {
		if kept.raw == nil {
			continue
		}
		if *kept.into, err = l.Keep(ctx, kept.raw); err != nil {
			return nil, err
		}
	}
	if err := r.Check(); err != nil {
		return nil, err
	}
	return r, l.Append(ctx, at, ledger.KindCreated, "", r)
}

// checkedApprovers reads approvers.yaml once the root key's signature is seen to hold.
func checkedApprovers(text, signature []byte, root string) (*attest.Approvers, error) {
	key, err := attest.ParseKey(root)
	if err != nil {
		return nil, fmt.Errorf("reading the root key: %w", err)
	}
	if err := attest.CheckRoot(text, signature, key); err != nil {
		return nil, err
	}
	return attest.ParseApprovers(text)
}

// signable refuses a rollout that nobody could ever sign: a role that no person has but the author.
func (d *Definition) signable(people *attest.Approvers) error {
	r := &Rollout{Author: d.Author, Editors: d.Editors}
	var all []Signature
	for i := range people.People {
		p := &people.People[i]
		for _, role := range p.Roles {
			if !r.made(p) {
				all = append(all, Signature{Person: p.Name, Role: role})
			}
		}
	}
	if missing := Missing(d.Roles, all); len(missing) > 0 {
		return fmt.Errorf("beginning a rollout: nobody in approvers.yaml, besides who made the change, could sign for %s", strings.Join(missing, ", "))
	}
	return nil
}

// Approvers reads the approvers that a rollout was begun with, from its evidence, and holds them to the root key.
func (s *State) Approvers(ctx context.Context, store ledger.Store) (*attest.Approvers, error) {
	text, err := store.Evidence(ctx, s.Rollout.Approvers)
	if err != nil {
		return nil, fmt.Errorf("reading the approvers: %w", err)
	}
	signature, err := store.Evidence(ctx, s.Rollout.ApproversSig)
	if err != nil {
		return nil, fmt.Errorf("reading the approvers: %w", err)
	}
	return checkedApprovers(text, signature, s.Rollout.Root)
}

// Definition reads rollout.yaml as it was when the rollout was begun.
func (s *State) Definition(ctx context.Context, store ledger.Store) (*Definition, error) {
	text, err := store.Evidence(ctx, s.Rollout.Definition)
	if err != nil {
		return nil, fmt.Errorf("reading rollout.yaml: %w", err)
	}
	return ParseDefinition(text)
}

// Plan reads the plan that the rollout is about.
func (s *State) Plan(ctx context.Context, store ledger.Store) (*plan.Plan, error) {
	text, err := store.Evidence(ctx, s.Rollout.Plan)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	return plan.Decode(text)
}

// Config reads ringfence.yaml as it was when the rollout was begun; nil where there was none.
func (s *State) Config(ctx context.Context, store ledger.Store) (*tenancy.Config, error) {
	if s.Rollout.Config == "" {
		return nil, nil
	}
	text, err := store.Evidence(ctx, s.Rollout.Config)
	if err != nil {
		return nil, fmt.Errorf("reading ringfence.yaml: %w", err)
	}
	return tenancy.ParseConfig("ringfence.yaml", text)
}
