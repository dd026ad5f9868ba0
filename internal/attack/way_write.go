package attack

import (
	"context"
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// wayProbes are the probes that a log-in of the application's own can run: they need nobody who looks from outside.
func wayProbes() []Probe {
	return []Probe{emptyContext, malformedContext, othersContext, read, insertForged, updateByKey, blindUpdate, moveRow, stealRow,
		blindMove, deleteByKey, blindDelete}
}

// write runs the writing probes through the way: in one transaction, that is rolled back, on one connection.
func (w *wayRunner) write(ctx context.Context, opts WayOptions) error {
	if !opts.AllowWrites || len(opts.Tables) == 0 {
		return nil
	}
	tenants, err := w.tenants(ctx, opts)
	if err != nil {
		return err
	}
	if len(tenants) < 2 {
		w.notes = append(w.notes, w.way+": no table holds the rows of two tenants, so no writes were tried through it")
		return nil
	}
	found, err := Run(ctx, Options{Conn: w.clients[0], Model: opts.Model, Roles: []string{w.role}, Tables: opts.Tables, Probes: wayProbes(),
		AllowWrites: true, Tenants: tenants, Sign: opts.Sign, Limits: w.limits, Progress: opts.Progress})
	if err != nil {
		return fmt.Errorf("writing by %s: %w", w.way, err)
	}
	for _, e := range found.Entries {
		if e.Probe == read.Name && e.Outcome != Leaked {
			continue // told by the turns already
		}
		e.Probe = w.way + "_" + e.Probe
		w.entries = append(w.entries, e)
	}
	for _, n := range found.Notes {
		w.notes = append(w.notes, w.way+": "+n)
	}
	return nil
}

// tenants finds two tenants that are there: in the roots, else in the tables themselves.
func (w *wayRunner) tenants(ctx context.Context, opts WayOptions) ([]string, error) {
	tables := slices.Clone(opts.Model.Tables)
	slices.SortStableFunc(tables, func(a, b *tenancy.Table) int { return standing(a) - standing(b) })
	for _, t := range tables {
		keys := keyColumns(t)
		if !t.Class.Tenant() || len(keys) != 1 || !(t.Class == tenancy.Root || slices.Contains(opts.Tables, t.Relation.Identity())) {
			continue
		}
		values, err := wayTenants(ctx, opts.Conn, w.limits, t, keys[0])
		if err != nil || len(values) == 2 {
			return values, err
		}
	}
	return nil, nil
}

// standing puts roots first.
func standing(t *tenancy.Table) int {
	if t.Class == tenancy.Root {
		return 0
	}
	return 1
}
