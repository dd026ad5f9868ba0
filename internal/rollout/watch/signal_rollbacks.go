package watch

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// leastTransactions and moreRollbacks bound from when the share of transactions that were rolled back says something.
const (
	leastTransactions = 50
	moreRollbacks     = 0.1
)

var rollbacks = Kind{
	Name:     "rollbacks",
	Doc:      `a tenth more of the application's transactions than before are rolled back`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if v.Base == nil {
			return nil
		}
		was := float64(v.Base.Rollbacks) / float64(max(1, v.Base.Commits+v.Base.Rollbacks))
		for _, span := range v.Spans {
			back, done := span.To.Rollbacks-span.From.Rollbacks, span.To.Commits-span.From.Commits
			if is := float64(back) / float64(max(1, back+done)); back+done >= leastTransactions && is > was+moreRollbacks {
				return []rollout.Signal{{Path: rollout.PathTenant, Tables: slices.Clone(v.Tables), Value: fmt.Sprintf("%.0f %%, was %.0f %%", is*100, was*100),
					Why: fmt.Sprintf("%d of %d transactions were rolled back, %.0f %% before", back, back+done, was*100)}}
			}
		}
		return nil
	},
}
