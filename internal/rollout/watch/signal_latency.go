package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// The bounds from which a statement is slower.
const (
	worse      = 1.2  // ratio of the means
	muchWorse  = 2.0  // where there are too few rounds for a rank test
	floorMS    = 1.0  // difference of the means
	unlikely   = 0.01 // of the rank test
	timedLeast = 20   // calls in the span
)

var latency = Kind{
	Name: "latency",
	Doc: `a statement that takes longer than before

Mean time a call: more than a fifth longer, by at least a millisecond, and so by the rank test (Mann-Whitney) over rounds before and after; with
too few rounds for that, twice as long.`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if v.Base == nil || len(v.Spans) == 0 {
			return nil
		}
		var out []rollout.Signal
		span := v.Spans[len(v.Spans)-1]
		for k, before := range v.Base.Statements {
			d := span.delta(k)
			if before.Calls == 0 || d.Calls < timedLeast {
				continue
			}
			was, is := before.Millis/float64(before.Calls), d.Millis/float64(d.Calls)
			if is-was < floorMS || is < was*worse {
				continue
			}
			p, ranked := slower(v.Before[k], v.After[k])
			if ranked && p > unlikely || !ranked && is < was*muchWorse {
				continue
			}
			test := "too few rounds for a rank test"
			if ranked {
				test = fmt.Sprintf("p = %.4f by rank over %d and %d rounds", p, len(v.Before[k]), len(v.After[k]))
			}
			out = append(out, rollout.Signal{Path: rollout.PathLatency, Role: k.Role, Tables: v.tablesIn(before.Text), Value: fmt.Sprintf("%.2f ms, was %.2f ms", is, was),
				Why: fmt.Sprintf("%s takes %.2f ms a call, %.2f ms before, in %d calls; %s", excerpt(before.Text), is, was, d.Calls, test)})
		}
		return out
	},
}
