package rollout

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

// A stage may have several databases that hold the tenants between them. Each is a Stage of its own, named STAGE.DATABASE: facts,
// samples, signals and returns are its own. Signatures, waivers and people's words are the stage's, over all of its databases.

// Group is the name of the stage that a database belongs to; a stage of one database is its own.
func (s *Stage) Group() string { return ledger.Group(s.Name) }

// Group returns the databases of a stage, in their order: one, where it is not split.
func (r *Rollout) Group(name string) []*Stage {
	var out []*Stage
	for i := range r.Stages {
		if r.Stages[i].Group() == name {
			out = append(out, &r.Stages[i])
		}
	}
	return out
}

// Before returns the databases of the stage that comes before the one of that name; none: it is the first.
func (r *Rollout) Before(group string) []*Stage {
	before := ""
	for i := range r.Stages {
		g := r.Stages[i].Group()
		if g == group {
			break
		}
		before = g
	}
	if before == "" {
		return nil
	}
	return r.Group(before)
}

// checkGroups refuses databases of one stage that do not stand together, or stand beside a stage of the same name.
func (r *Rollout) checkGroups() error {
	seen := map[string]bool{}
	for i := range r.Stages {
		s := &r.Stages[i]
		g := s.Group()
		if i > 0 && r.Stages[i-1].Group() == g && s.Name != g && r.Stages[i-1].Name != g {
			continue
		}
		if seen[g] {
			return fmt.Errorf("reading the rollout: the databases of the stage %q do not stand together, or there are two stages of that name", g)
		}
		seen[g] = true
	}
	return nil
}

// target is the digest of what a stage acts on: its database, or all of them.
func (r *Rollout) target(stage *Stage) attest.Digest {
	all := r.Group(stage.Group())
	if len(all) < 2 {
		return attest.DigestOf([]byte(strings.Join(stage.identity(), "\x00")))
	}
	var names [][]string
	for _, s := range all {
		names = append(names, s.identity())
	}
	raw, err := json.Marshal(names)
	if err != nil { // strings always can be written
		panic(err)
	}
	return attest.DigestOf(raw)
}

// identity is what tells a stage's database from all others.
func (s *Stage) identity() []string {
	out := []string{s.Name, s.SystemIdentifier, s.Database}
	if s.Mark != "" {
		out = append(out, s.Mark)
	}
	return out
}

// DecideGroup answers for a stage with all its databases: each gate is as bad as the worst of them, and its facts tell of which.
func (s *State) DecideGroup(group string, people *attest.Approvers, at time.Time) (*Decision, error) {
	all := s.Rollout.Group(group)
	var each []*Decision
	for _, stage := range all {
		d, err := s.Decide(stage, people, at)
		if err != nil {
			return nil, err
		}
		each = append(each, d)
	}
	return merge(group, all, each)
}

// merge makes one decision of those on each database of a stage.
func merge(group string, all []*Stage, each []*Decision) (*Decision, error) {
	switch len(each) {
	case 0:
		return nil, fmt.Errorf("deciding: there is no stage %q", group)
	case 1:
		return each[0], nil
	}
	out := &Decision{Stage: group, At: each[0].At, Green: true, Stale: true, Signatures: each[0].Signatures, first: each[0].first}
	for i, d := range each {
		out.Green = out.Green && d.Green
		out.Stale = out.Stale && (d.Green || d.Stale)
		for n, c := range d.Checks {
			if i == 0 {
				out.Checks = append(out.Checks, Check{Gate: c.Gate, Outcome: c.Outcome, Why: c.Why})
			}
			out.Checks[n].worsen(c, all[i].Name)
		}
	}
	out.Standing, out.Applied = each[0].Standing, each[0].Applied
	for _, d := range each {
		if d.Applied.IsZero() {
			out.Applied = time.Time{}
		}
	}
	if slices.ContainsFunc(each, func(d *Decision) bool { return d.Standing != out.Standing }) {
		var stands []string
		for i, d := range each {
			stands = append(stands, all[i].Name+": "+d.Standing)
		}
		out.Standing = strings.Join(stands, "; ")
	}
	out.Stale = out.Stale && !out.Green
	out.facts = func(c *Collector) FactCheck {
		worst := each[0].fact(c)
		for _, d := range each[1:] {
			if f := d.fact(c); worse(f.Outcome, worst.Outcome) {
				worst = f
			}
		}
		return worst
	}
	return out, nil
}

// worsen adds another database's answer to a gate's. What people said is said once for all.
func (c *Check) worsen(other Check, database string) {
	if worse(other.Outcome, c.Outcome) {
		c.Outcome, c.Why = other.Outcome, other.Why
	}
	for _, f := range other.Facts {
		if f.Collector.Attested && slices.ContainsFunc(c.Facts, func(x FactCheck) bool { return x.Collector == f.Collector }) {
			continue
		}
		if !f.Collector.Attested {
			f.Fact.Why = strings.TrimSpace(database + ": " + f.Fact.Why)
		}
		c.Facts = append(c.Facts, f)
	}
}

// worse orders outcomes as a decision does: a failure is told before what is not known.
func worse(a, b Outcome) bool {
	rank := map[Outcome]int{Fail: 0, Unknown: 1, Pass: 2}
	return rank[a] < rank[b]
}
