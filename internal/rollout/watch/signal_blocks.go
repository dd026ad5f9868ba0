package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// floorBlocks is the difference in blocks a call from which a statement reads more.
const floorBlocks = 100

var blocks = Kind{
	Name:     "blocks",
	Doc:      `a statement that reads more than twice the blocks that it read before, and at least a hundred more: an index that is not used`,
	Severity: 3,
	Judge: func(v *View) []rollout.Signal {
		return v.perCall(func(d Delta) float64 { return float64(d.Blocks) }, func(c calls) (rollout.Signal, bool) {
			return rollout.Signal{Value: fmt.Sprintf("%.0f blocks a call, was %.0f", c.is, c.was),
				Why: fmt.Sprintf("%s reads %.0f blocks a call, %.0f before", excerpt(c.before.Text), c.is, c.was)}, c.is > 2*c.was && c.is-c.was >= floorBlocks
		})
	},
}
