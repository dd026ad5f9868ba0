package monitor

import (
	"context"

	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/metrics"
)

var driftCheck = Check{
	Name: "drift",
	Doc:  `the catalogue against the accepted state: bad where tenants reach more, unknown where that cannot be told or nothing was accepted`,
	Run: func(_ context.Context, e *eye) Result {
		if e.o.Accepted == nil {
			return unknown("no accepted state is given: ringfence drift --accept writes one")
		}
		found, err := e.o.Compare(e.o.Accepted, e.model.Snapshot)
		if err != nil {
			return unknown("it could not be compared: %v", err)
		}
		n := map[string]int{}
		for d, count := range found.Count() {
			n[string(d)] = count
			e.o.Stats.Set(metrics.MonitorDrift, float64(count), string(d))
		}
		r := fine("nothing widened")
		switch {
		case n[string(drift.Widened)] > 0:
			r = bad("%d changes let tenants reach more", n[string(drift.Widened)])
		case !found.Clean():
			r = unknown("of %d changes it cannot be told what they do", n[string(drift.Unknown)])
		}
		r.Details = counts(n)
		return r
	},
}
