package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

// expectedRows is how many rows must have been expected for none at all to say something.
const expectedRows = 5

var rowsCollapse = Kind{
	Name: "rows_collapse",
	Doc: `a statement that returned rows returns none

Calls and rows of each statement of the application, before and after: where at least five rows were to be expected and none came, tenants
do not see what is theirs. Exact, so that it needs no test.`,
	Severity: 1,
	Needs:    needStatements,
	Judge: func(v *View) []rollout.Signal {
		if v.Base == nil {
			return nil
		}
		var out []rollout.Signal
		for k, before := range v.Base.Statements {
			if before.Calls == 0 || before.Rows == 0 {
				continue
			}
			if d, ok := v.collapsed(k, before); ok {
				out = append(out, rollout.Signal{Path: v.path(d.Role), Role: d.Role, Tables: v.tablesIn(before.Text),
					Value: fmt.Sprintf("0 rows in %d calls", d.Calls),
					Why:   fmt.Sprintf("%s returned %.1f rows a call before and none in %d calls now, as %s", excerpt(before.Text), float64(before.Rows)/float64(before.Calls), d.Calls, d.Role)})
			}
		}
		return out
	},
}

// collapsed gives the first span, the shortest one before, in which a role that asks the statement got no row where some were to be expected.
func (v *View) collapsed(k Key, before Statement) (Delta, bool) {
	rate := min(1, float64(before.Rows)/float64(before.Calls))
	for _, span := range v.Spans {
		for _, d := range span.after(v.Base, k) {
			if rate*float64(d.Calls) >= expectedRows && d.Rows == 0 {
				return d, true
			}
		}
	}
	return Delta{}, false
}
