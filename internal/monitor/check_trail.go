package monitor

import (
	"context"

	"github.com/ringfencehq/ringfence/internal/metrics"
	"github.com/ringfencehq/ringfence/trail"
)

// timed is how often each of the trail's common queries is run, for a percentile to mean something.
const timed = 5

var trailCheck = Check{
	Name: "trail",
	Doc: `the trail's table: bad where records are missing in between, doubled, of other content, or do not name the one before; unknown where there is no
table or the session may not read it. Its two common queries are timed`,
	Run: func(ctx context.Context, e *eye) Result {
		account, err := trail.Reconcile(ctx, e.conn)
		if err != nil {
			return unknown("%v", err)
		}
		broken, err := trail.Contiguity(ctx, e.conn)
		if err != nil {
			return unknown("%v", err)
		}
		for range timed {
			times, err := trail.TimeQueries(ctx, e.conn)
			if err != nil {
				return unknown("%v", err)
			}
			for _, t := range times {
				e.o.Stats.Queried(t.Name, t.Took)
			}
		}
		n := map[string]int{"lost": int(account.Total.Lost), "doubled": int(account.Total.Doubled), "clashing": int(account.Total.Clashing), "broken_chain": len(broken)}
		sum := 0
		for _, f := range metrics.TrailFaults {
			sum += n[f]
			e.o.Stats.Set(metrics.TrailTableFaults, float64(n[f]), f)
		}
		e.o.Stats.Set(metrics.TrailRows, float64(account.Total.Rows))
		r := fine("%d records hold together", account.Total.Rows)
		if sum > 0 {
			r = bad("%d records of the trail are missing, doubled or changed", sum)
		}
		r.Details = counts(n)
		return r
	},
}
