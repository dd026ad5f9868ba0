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
		return v.perCall(func(d Delta) float64 { return d.Millis }, func(c calls) (rollout.Signal, bool) {
			if c.is-c.was < floorMS || c.is < c.was*worse {
				return rollout.Signal{}, false
			}
			before, after := v.Before[c.before.Key], v.After[c.now.Key]
			p, ranked := slower(before, after)
			test := "too few rounds for a rank test"
			if ranked {
				test = fmt.Sprintf("p = %.4f by rank over %d and %d rounds", p, len(before), len(after))
			}
			return rollout.Signal{Path: rollout.PathLatency, Value: fmt.Sprintf("%.2f ms, was %.2f ms", c.is, c.was),
				Why: fmt.Sprintf("%s takes %.2f ms a call, %.2f ms before, in %d calls; %s", excerpt(c.before.Text), c.is, c.was, c.now.Calls, test)}, ranked && p <= unlikely || !ranked && c.is >= c.was*muchWorse
		})
	},
}
