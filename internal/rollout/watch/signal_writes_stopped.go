package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// expectedWrites is how many writes must have been expected for none at all to say something.
const expectedWrites = 20

var writesStopped = Kind{
	Name: "writes_stopped",
	Doc: `a table that was written to is not any more

Rows inserted, updated and deleted, measured against the application's calls, so that a quiet hour says nothing; against a time before that
two samples span, since what was ever loaded into a table is not what the application writes.`,
	Severity: 1,
	Judge: func(v *View) []rollout.Signal {
		if v.Prior == nil {
			return nil
		}
		var out []rollout.Signal
		calls, _, _ := v.Prior.sum()
		for _, table := range v.Tables {
			rate := float64(v.Prior.To.Tables[table].Writes-v.Prior.From.Tables[table].Writes) / float64(max(1, calls))
			for _, span := range v.Spans {
				n, _, _ := span.sum()
				if expected := rate * float64(n); expected < expectedWrites || span.To.Tables[table].Writes > span.From.Tables[table].Writes {
					continue
				}
				out = append(out, rollout.Signal{Path: rollout.PathTenant, Tables: []string{table}, Value: "0 writes",
					Why: fmt.Sprintf("nothing was written to %s in %d calls, where %.0f writes were to be expected", table, n, rate*float64(n))})
				break
			}
		}
		return out
	},
}
