package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/console"
	"github.com/ringfencehq/ringfence/internal/fleet"
)

// ofFleet fills in the databases of a fleet, each read as its entry says.
func (cf *consoleFlags) ofFleet(w *World, f *readFlags, dsn string, o *console.Options) (end func(), err error) {
	if dsn != "" || f.snapshot != "" || cf.trailDSN != "" || len(cf.rollouts) > 0 || len(cf.bench) > 0 {
		return nil, usage(errors.New("a fleet was asked for, and one database beside it"), "what belongs to a database of the fleet stands in its entry: dsn_env, rollout, bench, lock")
	}
	cf.fleet.failOn, cf.fleet.quiet = f.failOn, true // what cannot be read is told by the page
	databases, err := cf.fleet.databases()
	if err != nil {
		return nil, err
	}
	var readers []*eventReader
	for _, d := range databases {
		one := console.Database{Name: d.Name, Groups: d.Groups, Labels: d.Labels, Look: cf.fleetLook(w, d)}
		if one.Bench, err = readBenches(d.Bench); err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		if d.Rollout != "" {
			one.Rollouts = []string{d.Rollout}
		}
		if value, _ := w.Env(d.DSN); value != "" {
			events := &eventReader{w: w, dsn: value}
			readers = append(readers, events)
			one.Events = events.read
		}
		o.Fleet = append(o.Fleet, one)
	}
	return func() {
		for _, r := range readers {
			r.close()
		}
	}, nil
}

// fleetLook reads one database of the fleet, and answers the fleet's questions about it. Drift and rollout are asked where its entry
// names their file.
func (cf *consoleFlags) fleetLook(w *World, d fleet.Database) func(context.Context) (*console.Posture, error) {
	t, own := cf.fleet.target(w, d), cf.fleet.own(d)
	return func(ctx context.Context) (*console.Posture, error) {
		m, err := t.Model(ctx)
		if err != nil {
			return nil, err
		}
		p, err := own.posture(ctx, m, t.Connect, d.Lock)
		if err != nil {
			return nil, err
		}
		p.Lines = map[string]fleet.Line{
			"audit": fleet.OfAudit(p.Audit.Findings, p.Audit.Summary, p.Audit.Unchecked, t.Grave),
			"prove": fleet.OfCells(m, p.Prove.Cells),
		}
		switch {
		case p.Drift != nil:
			p.Lines["drift"] = fleet.OfDrift(p.Drift.Summary)
		case d.Lock != "":
			p.Lines["drift"] = fleet.Untold(errors.New(p.NoDrift))
		}
		if d.Rollout != "" {
			l, err := t.Rollout(ctx)
			if err != nil {
				l = fleet.Untold(err)
			}
			p.Lines["rollout"] = l
		}
		return p, nil
	}
}
