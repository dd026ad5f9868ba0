package watch

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// floorP95 is the difference in seconds from which the application's 95th percentile is worse.
const floorP95 = 0.005

var p95 = Kind{
	Name: "p95",
	Doc: `the application's 95th percentile is worse by more than a fifth

As Prometheus has it, or the hook p95 prints it, against the time before the stage was begun. The code goes back, and policies to the form
they had where that keeps tenants apart; nothing is opened for it.`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if v.Base == nil || v.Base.P95 == nil || v.Now.P95 == nil {
			return nil
		}
		was, is := *v.Base.P95, *v.Now.P95
		if is <= was*worse || is-was < floorP95 {
			return nil
		}
		return []rollout.Signal{{Path: rollout.PathLatency, Tables: slices.Clone(v.Tables), Value: fmt.Sprintf("%.0f ms, was %.0f ms", is*1000, was*1000),
			Why: fmt.Sprintf("the application's 95th percentile is %.0f ms, %.0f ms before", is*1000, was*1000)}}
	},
}
