package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
)

// Emergency says why isolation is opened and how far.
type Emergency struct {
	Rung   Rung
	Reason string // written into the run log
}

// RollbackEmergency opens what the plan closed, on all its tables or those of Options.Only, in the fewest and quickest
// statements, and writes down who did it and why. Only tables whose row security the plan itself enabled or forced are
// touched; everything else of the plan stays. A later Run closes them again.
func RollbackEmergency(ctx context.Context, opts Options, e Emergency) (*Result, error) {
	if e.Rung != RungNoForce && e.Rung != RungInsecureDisable {
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
		return len(opts.Only) == 0 || slices.Contains(opts.Only, opts.Plan.Steps[i].Table)
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
		n, isTable := parseRel(s.Table)
		if !r.chosen(i) || !isTable || r.hist.step(s.ID).state != stateEffected {
			continue
		}
		if t := emergencyTask(r.opts.Plan, i, n, e.Rung); len(t.sql) > 0 {
			units = append(units, unit{tasks: []task{t}})
		}
	}
	return r.runUnits(ctx, units)
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
