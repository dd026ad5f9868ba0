package watch

import (
	"fmt"
	"strings"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var stepUndone = Kind{
	Name: "step_undone",
	Doc: `what was applied is not in place any more

Each step's own question to the catalogue, on the tables that were applied: an index that is gone, a policy that somebody changed. It halts
and asks; what it does to the application other signals tell.`,
	Severity: 2,
	Judge: func(v *View) []rollout.Signal {
		if len(v.Now.Undone) == 0 {
			return nil
		}
		return []rollout.Signal{{Tables: v.Now.UndoneOn, Value: fmt.Sprintf("%d steps", len(v.Now.Undone)), Why: "not in place any more: " + strings.Join(v.Now.Undone[:min(3, len(v.Now.Undone))], ", ")}}
	},
}
