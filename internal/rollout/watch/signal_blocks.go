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
			was, is := float64(before.Blocks)/float64(before.Calls), float64(d.Blocks)/float64(d.Calls)
			if is > 2*was && is-was >= floorBlocks {
				out = append(out, rollout.Signal{Role: k.Role, Tables: v.tablesIn(before.Text), Value: fmt.Sprintf("%.0f blocks a call, was %.0f", is, was),
					Why: fmt.Sprintf("%s reads %.0f blocks a call, %.0f before", excerpt(before.Text), is, was)})
			}
		}
		return out
	},
}
