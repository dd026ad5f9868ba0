package monitor

import (
	"context"
	"strconv"

	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var proveCheck = Check{
	Name: "prove",
	Doc:  `what logic says of every way to a row: bad with a leak, unknown with a way that is not decided; accepted ones left out`,
	Run: func(_ context.Context, e *eye) Result {
		n := map[string]int{}
		for i := range e.cells {
			if c := &e.cells[i]; c.Kind != reach.Inference && c.Accepted == nil {
				n[string(c.Verdict)]++
			}
		}
		for _, s := range metrics.MonitorCells.Series {
			e.o.Stats.Set(metrics.MonitorCells, float64(n[s[0]]), s[0])
		}
		r := fine("%d ways proved", n[string(prove.Proved)])
		switch {
		case n[string(prove.Leak)] > 0:
			r = bad("%d ways leak", n[string(prove.Leak)])
		case n[string(prove.Unproven)] > 0:
			r = unknown("%d ways are not proved", n[string(prove.Unproven)])
		}
		r.Details = counts(n)
		return r
	},
}

// counts writes numbers as a message's details.
func counts(n map[string]int) map[string]string {
	out := map[string]string{}
	for k, v := range n {
		out[k] = strconv.Itoa(v)
	}
	return out
}
