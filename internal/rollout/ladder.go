package rollout

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/apply"
	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/harden"
	"github.com/ringfencehq/ringfence/internal/plan"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/rollout/ledger"
)

var ladder = Collector{Name: "ladder", How: "each rung of the way back is done on the copy, and the copy is proved after it", Holds: 7 * day, Collect: collectLadder}

// A Ladder is what an automatic return may do, rung by rung: found out on the copy, and signed with the rest. What is not on it is
// never done by itself: columns, indexes and evidence stay.
type Ladder struct {
	Rungs []LadderRung `json:"rungs"`
}

// A LadderRung is one rung: which tables it acts on, and which of them it leaves open to other tenants.
type LadderRung struct {
	Rung   apply.Rung `json:"rung"`
	Tables []string   `json:"tables"`
	Opens  []string   `json:"opens"`
}

// rungKinds are the kinds of steps that a rung acts on.
var rungKinds = map[apply.Rung]string{apply.RungNoForce: "force_rls", apply.RungInsecureDisable: "enable_rls", apply.RungPolicyForm: "replace_policy",
	apply.RungTrigger: "updated_at_trigger", apply.RungUnique: "unique_swap", apply.RungFunction: "updated_at_function"}

// tablesOf lists the tables that a rung acts on.
func tablesOf(p *plan.Plan, rung apply.Rung) []string {
	out := []string{}
	for _, s := range p.Steps {
		kind := rungKinds[rung]
		if rung == apply.RungFunction {
			kind = "updated_at_trigger" // the tables whose trigger calls a function that was made
		}
		if s.Kind == kind && s.Table != "" && !slices.Contains(out, s.Table) {
			out = append(out, s.Table)
		}
	}
	slices.Sort(out)
	return out
}

// climb does each rung on the copy, times it, proves the copy after those that touch policies, and applies the plan again.
func (r *rehearsal) climb(ctx context.Context, t *Target, o apply.Options, read func(context.Context) (harden.Verdict, error)) error {
	r.rungs = map[string]float64{}
	for _, rung := range apply.Rungs() {
		tables := tablesOf(t.Plan, rung)
		if len(tables) == 0 {
			continue
		}
		began := time.Now()
		if _, err := apply.RollbackEmergency(ctx, o, apply.Emergency{Rung: rung, Reason: "rehearsal"}); err != nil {
			return fmt.Errorf("the rung %s: %w", rung, err)
		}
		r.rungs[string(rung)] = time.Since(began).Seconds()
		on := LadderRung{Rung: rung, Tables: tables, Opens: []string{}}
		switch rung {
		case apply.RungInsecureDisable:
			on.Opens = tables
		case apply.RungNoForce, apply.RungPolicyForm:
			v, err := read(ctx)
			if err != nil {
				return err
			}
			on.Opens = open(v.Cells, tables)
		}
		r.ladder.Rungs = append(r.ladder.Rungs, on)
		if _, err := apply.Run(ctx, o); err != nil {
			return fmt.Errorf("closing again after the rung %s: %w", rung, err)
		}
	}
	return nil
}

// open lists the tables whose rows another tenant reaches, or of which that is not known.
func open(cells []prove.Cell, tables []string) []string {
	out := []string{}
	for _, c := range cells {
		if c.Kind == "isolation" && c.Accepted == nil && c.Verdict != prove.Proved && slices.Contains(tables, c.Relation) && !slices.Contains(out, c.Relation) {
			out = append(out, c.Relation)
		}
	}
	slices.Sort(out)
	return out
}

func collectLadder(ctx context.Context, t *Target) Finding {
	r := t.rehearse(ctx)
	switch {
	case r.err != nil || r.applyErr != nil:
		return unknown("the plan was not applied on the copy")
	case r.climbErr != nil:
		return known(false, "", "a rung of the way back does not hold on the copy: "+r.climbErr.Error())
	}
	f := known(true, fmt.Sprintf("%d rungs of the way back", len(r.ladder.Rungs)), "each rung was done on the copy, which was proved after it, and the plan was applied again")
	f.Raw = r.ladder
	for _, s := range r.rungs {
		f.Seconds += s
	}
	return f
}

// Ladder reads the way back of a stage that was rehearsed and signed.
func (s *State) Ladder(ctx context.Context, store ledger.Store, stage *Stage) (*Ladder, error) {
	f, ok := s.Facts[factKey{stage.Name, ladder.Name}]
	if !ok || f.Outcome != Pass {
		return nil, fmt.Errorf("reading the way back of %s: it was not rehearsed", stage.Name)
	}
	raw, err := store.Evidence(ctx, f.Evidence)
	if err != nil {
		return nil, fmt.Errorf("reading the way back of %s: %w", stage.Name, err)
	}
	var l Ladder
	if err := json.Unmarshal(raw, &l); err != nil || attest.DigestOf(raw) != f.Evidence {
		return nil, fmt.Errorf("reading the way back of %s: it cannot be read", stage.Name)
	}
	return &l, nil
}

// A way says how a kind of signal is answered: by which rungs, in their order.
var ways = map[SignalPath][]apply.Rung{
	PathOwner:   {apply.RungNoForce},
	PathTenant:  {apply.RungPolicyForm, apply.RungInsecureDisable},
	PathLatency: {apply.RungPolicyForm},
	PathTrigger: {apply.RungFunction, apply.RungTrigger},
}

// A Move is one rung to be done on some tables.
type Move struct {
	Rung   apply.Rung
	Tables []string
	Opens  bool
}

// Choose gives the moves that answer a signal, and the tables that none may touch: a rung that opens a table is done only where the
// signed definition allows that for the table by name. tables limits it to what was applied.
func (l *Ladder) Choose(signal Signal, tables, allowed []string) (moves []Move, held []string) {
	left := slices.Clone(tables)
	if len(signal.Tables) > 0 {
		left = slices.DeleteFunc(left, func(t string) bool { return !slices.Contains(signal.Tables, t) })
	}
	for _, rung := range ways[signal.Path] {
		at := slices.IndexFunc(l.Rungs, func(r LadderRung) bool { return r.Rung == rung })
		if at < 0 {
			continue
		}
		r := l.Rungs[at]
		closed, opened := Move{Rung: rung}, Move{Rung: rung, Opens: true}
		left = slices.DeleteFunc(left, func(t string) bool {
			switch {
			case !slices.Contains(r.Tables, t):
				return false
			case !slices.Contains(r.Opens, t):
				closed.Tables = append(closed.Tables, t)
			case slices.Contains(allowed, t):
				opened.Tables = append(opened.Tables, t)
			default:
				return false
			}
			return true
		})
		for _, m := range []Move{closed, opened} {
			if len(m.Tables) > 0 {
				moves = append(moves, m)
			}
		}
	}
	return moves, left
}
