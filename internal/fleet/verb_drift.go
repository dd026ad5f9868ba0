package fleet

import (
	"context"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/drift"
)

var driftVerb = Verb{
	Name: "drift",
	Doc:  "what is not as it was accepted in each: found where tenants reach more, unknown where that cannot be told or no state was accepted",
	Ask: func(ctx context.Context, t *Target) (Line, error) {
		accepted, err := t.Accepted()
		if err != nil {
			return Line{}, err
		}
		conn, err := t.Connect(ctx)
		if err != nil {
			return Line{}, err
		}
		defer conn.Close(context.WithoutCancel(ctx))
		present, err := catalog.Read(ctx, conn, catalog.Options{})
		if err != nil {
			return Line{}, err
		}
		r, err := t.Compare(accepted, present)
		if err != nil {
			return Line{}, err
		}
		l := Line{Verdict: Clean, Counts: map[string]int{}}
		for d, n := range r.Count() {
			l.Counts[string(d)] = n
		}
		widened, unclear := l.Counts[string(drift.Widened)], l.Counts[string(drift.Unknown)]
		switch {
		case widened > 0:
			l.Verdict = Found
		case !r.Clean():
			l.Verdict = Unknown
		}
		l.Weight = widened*1e4 + unclear
		l.Why = fmt.Sprintf("%d widened, %d unknown, %d narrowed, %d neutral", widened, unclear, l.Counts[string(drift.Narrowed)], l.Counts[string(drift.Neutral)])
		return l, nil
	},
}
