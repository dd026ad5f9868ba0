package monitor

import (
	"context"

	"github.com/ringfencehq/ringfence/internal/live"
	"github.com/ringfencehq/ringfence/internal/metrics"
)

var errorsCheck = Check{
	Name: "errors",
	Doc: `SQLSTATE 42501 (a policy or a grant refused), 42704 (the context was never set) and 22P02 (it is empty or malformed) in the server's log, where that
is written as CSV or JSON and the session may read it: bad with any since the last run, unknown where there is no such log`,
	Run: func(ctx context.Context, e *eye) Result {
		found, err := e.kept.log.Read(ctx, e.conn)
		if err != nil {
			return unknown("%v", err)
		}
		n, total := map[string]int{}, 0
		for _, s := range metrics.MonitorStates {
			n[s] = int(found.States[s])
			total += n[s]
			e.o.Stats.Add(metrics.MonitorErrors, float64(n[s]), s)
		}
		switch {
		case found.First:
			r := unknown("there is no earlier run to compare with")
			r.Quiet = true
			return r
		case total > 0:
			r := bad("%d errors of isolation since the last run", total)
			r.Details = counts(n)
			return r
		case !found.Whole:
			return unknown("the server's log grew by more than %d MiB since the last run: the rest is read by the next", live.LogMost>>20)
		}
		return fine("none since the last run")
	},
}
