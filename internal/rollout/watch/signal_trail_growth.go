package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var trailGrowth = Kind{
	Name:     "trail_growth",
	Doc:      `the trail's table was written to and is not any more, measured against calls`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if v.Prior == nil {
			return nil
		}
		calls, _, _ := v.Prior.sum()
		rate := float64(v.Prior.To.Trail-v.Prior.From.Trail) / float64(max(1, calls))
		for _, span := range v.Spans {
			n, _, _ := span.sum()
			if rate*float64(n) >= expectedWrites && span.To.Trail == span.From.Trail {
				return []rollout.Signal{{Value: "0 events", Why: fmt.Sprintf("no event reached the trail in %d calls, where %.0f were to be expected", n, rate*float64(n))}}
			}
		}
		return nil
	},
}
