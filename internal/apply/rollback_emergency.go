package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/plan"
)

// A Rung is how far an emergency return goes.
type Rung string

// The rungs, from the one that opens least. There is no default: which one is somebody's decision.
const (
	// RungNoForce lets tables' owners pass again; the application's role stays isolated.
	RungNoForce Rung = "no-force"
	// RungInsecureDisable also disables row security: the policies stay, and nobody is isolated by them any more.
	RungInsecureDisable Rung = "insecure-disable"
	// RungPolicyForm brings back the policies that the plan replaced. What they let through is what they let through before.
	RungPolicyForm Rung = "policy-form"
	// RungFunction has the functions that the plan's triggers call do nothing, without a lock on any table.
	RungFunction Rung = "function"
	// RungTrigger disables the triggers that the plan made; reads go on.
	RungTrigger Rung = "trigger"
	// RungUnique swaps unique constraints back, which fails where two tenants hold the same value by now.
	RungUnique Rung = "unique"
)

// Rungs lists the rungs of the emergency return.
func Rungs() []Rung {
	return []Rung{RungNoForce, RungInsecureDisable, RungPolicyForm, RungFunction, RungTrigger, RungUnique}
}

// Emergency says why isolation is opened and how far.
type Emergency struct {
	Rung   Rung
	Reason string // written into the run log
}

// RollbackEmergency does one rung, on all the plan's tables or those of Options.Only, in the fewest and quickest statements,
// and writes down who did it and why. Only what the plan itself did is touched; everything else of the plan stays. A later Run
// closes again what was opened.
func RollbackEmergency(ctx context.Context, opts Options, e Emergency) (*Result, error) {
	if !slices.Contains(Rungs(), e.Rung) {
		return nil, fmt.Errorf("checking the options: %q is not a rung of the emergency return", e.Rung)
	}
	if e.Reason == "" {
		return nil, errors.New("checking the options: an emergency return needs a reason")
	}
	r, err := newRunner(opts, "emergency")
	if err != nil {
		return nil, err
	}
	r.doing = "opening in an emergency at"
	r.chosen = func(i int) bool {
		table := opts.Plan.Steps[i].Table
		return len(opts.Only) == 0 || table == "" || slices.Contains(opts.Only, table)
	}
	defer r.close()
	if err := r.open(ctx); err != nil {
		return r.res, err
	}
	return r.res, r.underLease(ctx, func(ctx context.Context) error { return r.emergency(ctx, e) })
}

func (r *runner) emergency(ctx context.Context, e Emergency) error {
	err := r.watch.exec(ctx, "UPDATE ringfence.apply_run SET reason = $1 WHERE run = $2", string(e.Rung)+": "+e.Reason, r.id)
	if err != nil {
		return fmt.Errorf("writing the run log: %w", err)
	}
	if r.hist, err = readHistory(ctx, r.watch, r.planID); err != nil {
		return err
	}
	if r.known, err = digests(ctx, r.watch, r.allObjects()); err != nil {
		return err
	}
	var units []unit
	for i := len(r.opts.Plan.Steps) - 1; i >= 0; i-- {
		s := &r.opts.Plan.Steps[i]
		if !r.chosen(i) || r.hist.step(s.ID).state != stateEffected {
			continue
		}
		if t := rungTask(r.opts.Plan, i, e.Rung); len(t.sql) > 0 {
			units = append(units, unit{tasks: []task{t}})
		}
	}
	return r.runUnits(ctx, units)
}

// Reached are the tables on which a run did the rung, though it may not have got through. One that the last rung was to open counts where
// its row security is off, and not where its owner alone passes again.
func Reached(p *plan.Plan, result *Result, rung Rung) []string {
	out := []string{}
	if result == nil {
		return out
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		did := slices.ContainsFunc(result.Steps, func(r StepResult) bool { return r.ID == s.ID && r.Outcome == Undone })
		if did && (rung != RungInsecureDisable || enables(s.Do)) && !slices.Contains(out, s.Table) {
			out = append(out, s.Table)
		}
	}
	return out
}

// rungTask is what a rung does about one step; without statements where it does nothing.
func rungTask(p *plan.Plan, i int, rung Rung) task {
	s := &p.Steps[i]
	n, isTable := parseRel(s.Table)
	switch rung {
	case RungNoForce, RungInsecureDisable:
		if !isTable {
			return task{}
		}
		return emergencyTask(p, i, n, rung)
	case RungPolicyForm, RungUnique:
		if s.Kind != map[Rung]string{RungPolicyForm: "replace_policy", RungUnique: "unique_swap"}[rung] {
			return task{}
		}
		t := undoTask(p, i)
		t.direction = dirEmergency
		return t
	case RungTrigger:
		name, table, ok := triggerMade(s)
		if !ok {
			return task{}
		}
		t := undoTask(p, i)
		t.direction, t.lock = dirEmergency, plan.ShareRowExclusive
		t.sql = []string{"ALTER TABLE " + table.quoted() + " DISABLE TRIGGER " + pg.Ident(name)}
		return t
	}
	if s.Kind != "updated_at_function" {
		return task{}
	}
	t := undoTask(p, i)
	t.direction, t.sql = dirEmergency, nil
	if name, ok := functionMade(s); ok {
		t.sql = []string{"CREATE OR REPLACE FUNCTION " + name.quoted() + "() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"}
	}
	return t
}

// triggerMade reads the trigger that a step of updated_at makes.
func triggerMade(s *plan.Step) (name string, table relName, ok bool) {
	if s.Kind != "updated_at_trigger" {
		return "", relName{}, false
	}
	p := &words{tokens(s.Do[len(s.Do)-1])}
	if !p.skip("create") || !p.skip("trigger") {
		return "", relName{}, false
	}
	name = p.next()
	for len(p.rest) > 0 && !p.skip("on") {
		p.next()
	}
	table, ok = p.qualified()
	return name, table, ok
}

// functionMade reads the function that a step makes.
func functionMade(s *plan.Step) (relName, bool) {
	for _, sql := range s.Do {
		if p := (&words{tokens(sql)}); p.skip("create") && p.skip("function") {
			return p.qualified()
		}
	}
	return relName{}, false
}

// again gives the statements that do a step anew which an emergency return touched: what it made is still there.
func again(s *plan.Step) []string {
	if name, table, ok := triggerMade(s); ok {
		return []string{"ALTER TABLE " + table.quoted() + " ENABLE TRIGGER " + pg.Ident(name)}
	}
	if s.Kind != "updated_at_function" {
		return s.Do
	}
	var out []string
	for _, sql := range s.Do {
		if rest, ok := strings.CutPrefix(sql, "CREATE FUNCTION "); ok {
			sql = "CREATE OR REPLACE FUNCTION " + rest
		}
		out = append(out, sql)
	}
	return out
}

// emergencyTask opens what one step closed.
func emergencyTask(p *plan.Plan, i int, table relName, rung Rung) task {
	t := doTask(p, i)
	t.direction, t.sql, t.lock, t.want, t.batch = dirEmergency, nil, plan.AccessExclusive, false, 0
	flag := ""
	if forces(p.Steps[i].Do) {
		t.sql = append(t.sql, "ALTER TABLE "+table.quoted()+" NO FORCE ROW LEVEL SECURITY")
		flag = "relforcerowsecurity"
	}
	if rung == RungInsecureDisable && enables(p.Steps[i].Do) {
		t.sql = append(t.sql, "ALTER TABLE "+table.quoted()+" DISABLE ROW LEVEL SECURITY")
		flag = "relrowsecurity"
	}
	t.check = fmt.Sprintf(`SELECT %s FROM pg_catalog.pg_class WHERE relname = %s
		AND relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = %s)`, flag, quote(table.name), quote(table.schema))
	return t
}
