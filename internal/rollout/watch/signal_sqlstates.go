package watch

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// watchedStates are the errors that a change of this kind may bring, and how each is answered. Others are counted and shown.
var watchedStates = map[string]rollout.SignalPath{
	"42501": rollout.PathTenant,  // insufficient privilege: a row that a policy refuses, too
	"42704": rollout.PathTenant,  // a setting that is not known
	"22P02": rollout.PathTenant,  // a tenant that cannot be read
	"23503": rollout.PathTenant,  // a parent that is not seen
	"23505": rollout.PathTenant,  // a double that is not seen
	"42703": rollout.PathTrigger, // a trigger's column that is not there
	"55P03": rollout.PathLatency, "40P01": rollout.PathLatency, "57014": rollout.PathLatency,
}

// leastErrors is how many more errors than before say something, in one span.
const leastErrors = 3

var sqlStates = Kind{
	Name: "sqlstates",
	Doc: `errors that were not there before

Errors by SQLSTATE, as the server's CSV log has them or the hook sqlstates prints them: 42501, 42704, 22P02, 23503, 23505, 42703, 55P03, 40P01,
57014. Three more than the calls of the span had before stop; of refused rows and settings at once.`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		var out []rollout.Signal
		for _, state := range slices.Sorted(maps.Keys(watchedStates)) {
			for _, span := range v.Spans {
				if span.From.States == nil || span.To.States == nil {
					continue
				}
				n := span.To.States[state] - span.From.States[state]
				expected := 0.0
				if calls, _, _ := span.sum(); v.Base != nil && v.Base.States != nil {
					expected = float64(v.Base.States[state]) / float64(max(1, total(v.Base))) * float64(calls)
				}
				if float64(n) < expected*2+leastErrors {
					continue
				}
				s := rollout.Signal{Path: watchedStates[state], Tables: slices.Clone(v.Tables), Value: fmt.Sprintf("%d of %s", n, state),
					Why: fmt.Sprintf("%d errors %s, where %.0f were to be expected", n, state, expected)}
				if s.Path == rollout.PathTenant {
					s.Severity = 1
				}
				out = append(out, s)
				break
			}
		}
		return out
	},
}

// total is all calls of a reading.
func total(r *Reading) (sum int64) {
	for _, s := range r.Statements {
		sum += s.Calls
	}
	return sum
}
