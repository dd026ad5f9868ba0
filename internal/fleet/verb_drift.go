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
		return OfDrift(r.Count()), nil
	},
}

// OfDrift judges changes by how many there are of each direction.
func OfDrift(changes map[drift.Direction]int) Line {
	l := Line{Verdict: Clean, Counts: map[string]int{}}
	for d, n := range changes {
		l.Counts[string(d)] = n
	}
	widened, unclear := changes[drift.Widened], changes[drift.Unknown]
	switch {
	case widened > 0:
		l.Verdict = Found
	case unclear > 0:
		l.Verdict = Unknown
	}
	l.Weight = widened*1e4 + unclear
	l.Why = fmt.Sprintf("%d widened, %d unknown, %d narrowed, %d neutral", widened, unclear, changes[drift.Narrowed], changes[drift.Neutral])
	return l
}
