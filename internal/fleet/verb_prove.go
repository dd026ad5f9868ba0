package fleet

import (
	"context"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

var proveVerb = Verb{
	Name: "prove",
	Doc:  "a verdict for every way to a row in each: found where one leaks, unknown where one is not proved; accepted ones left out",
	Ask: func(ctx context.Context, t *Target) (Line, error) {
		m, err := t.Model(ctx)
		if err != nil {
			return Line{}, err
		}
		cells := prove.Logic(m, t.Now())
		if _, err := prove.Execute(ctx, m, cells, t.Connect); err != nil {
			return Line{}, err
		}
		return OfCells(m, cells), nil
	},
}

// OfCells judges a model's cells, those left out that somebody accepted and those of inference.
func OfCells(m *tenancy.Model, cells []prove.Cell) Line {
	l := Line{Verdict: Clean, Counts: map[string]int{}}
	for i := range cells {
		if c := &cells[i]; c.Kind != reach.Inference && c.Accepted == nil {
			l.Counts[string(c.Verdict)]++
		}
	}
	leaks, open, proved := l.Counts[string(prove.Leak)], l.Counts[string(prove.Unproven)], l.Counts[string(prove.Proved)]
	switch {
	case leaks > 0:
		l.Verdict = Found
	case open > 0 || proved == 0: // nothing was proved of a database without a way to any row
		l.Verdict = Unknown
	}
	l.Weight = leaks*1e4 + open
	l.Why = fmt.Sprintf("%d leak, %d unproven, %d proved", leaks, open, proved)
	if why, _ := m.Unjudged(); why != "" {
		l.Why += ": " + why
	}
	return l
}
