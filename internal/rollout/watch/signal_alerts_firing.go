package watch

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var alertsFiring = Kind{
	Name:     "alerts_firing",
	Doc:      `an alert of ours fires in Prometheus that did not before`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		firing := slices.DeleteFunc(slices.Clone(v.Now.Alerts), func(a string) bool { return v.Base != nil && slices.Contains(v.Base.Alerts, a) })
		if len(firing) == 0 {
			return nil
		}
		return []rollout.Signal{{Value: fmt.Sprintf("%d alerts", len(firing)), Why: "firing: " + strings.Join(firing, ", ")}}
	},
}
