package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// lagLimit is how many seconds a replica may be behind.
const lagLimit = 10

var replicaLag = Kind{
	Name:     "replica_lag",
	Doc:      `a replica is more than ten seconds behind, and was not before`,
	Severity: 3,
	Judge: func(v *View) []rollout.Signal {
		if v.Now.Lag <= lagLimit || v.Base != nil && v.Base.Lag > lagLimit {
			return nil
		}
		return []rollout.Signal{{Value: fmt.Sprintf("%.0f s", v.Now.Lag), Why: fmt.Sprintf("a replica is %.0f s behind", v.Now.Lag)}}
	},
}
