package apply

import (
	"context"
	"fmt"
)

// A VerifyResult is what the catalogue says of one step.
type VerifyResult struct {
	Step   int    `json:"step"` // 1 for the first
	ID     string `json:"id"`
	Kind   string `json:"kind"`
	Object string `json:"object"`
	Table  string `json:"table,omitempty"`
	// Done is nil where the question could not be answered; Why says why.
	Done *bool  `json:"done"`
	Why  string `json:"why,omitempty"`
	// Gone is true where the step's table was dropped since: there is nothing left to be in place.
	Gone bool `json:"gone,omitempty"`
}

// Verify asks every chosen step's Done, on one session, and changes nothing. It does not attack: that the steps are in
// place is not yet that they keep tenants apart. The error is only about the connection; a question that fails is a
// result of its own. Of the options it reads Connect, Plan, Only and Progress.
func Verify(ctx context.Context, opts Options) ([]VerifyResult, error) {
	r, err := newRunner(opts, "verify")
	if err != nil {
		return nil, err
	}
	defer r.close()
	if r.watch, err = openBook(ctx, r.opts.Connect, appName(r.id)+"/verify"); err != nil {
		return nil, err
	}
	var results []VerifyResult
	for i := range r.opts.Plan.Steps {
		if !r.chosen(i) {
			continue
		}
		t := doTask(r.opts.Plan, i)
		v := VerifyResult{Step: i + 1, ID: t.id, Kind: t.kind, Object: t.object, Table: t.table}
		switch done, err := isDone(ctx, r.watch, t.check); {
		case !done && r.tableGone(ctx, &r.opts.Plan.Steps[i]):
			v.Done, v.Gone, v.Why = new(bool), true, whyGone
		case err == nil:
			v.Done = &done
		case ctx.Err() != nil || !r.watch.alive():
			return results, fmt.Errorf("verifying step %d of %d, %s on %s: %w", i+1, len(r.opts.Plan.Steps), t.kind, t.object, err)
		default:
			v.Why = err.Error()
		}
		results = append(results, v)
		r.emit(t, Event{Kind: EventProgress, Done: int64(i + 1), Total: int64(len(r.opts.Plan.Steps))})
	}
	return results, nil
}
