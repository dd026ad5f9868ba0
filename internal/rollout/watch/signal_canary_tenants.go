package watch

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/rollout"
)

var canaryTenants = Kind{
	Name: "canary_tenants",
	Doc: `two tenants see exactly what is theirs

Every minute the rows of two tenants are counted twice: as they are, and as the application sees them in the tenant's
context. Fewer means that a tenant does not see its own, a foreign one that isolation does not hold.`,
	Severity: 1,
	Needs:    needCanaries,
	Judge: func(v *View) []rollout.Signal {
		var out []rollout.Signal
		for _, c := range v.Now.Canaries {
			s := rollout.Signal{Path: v.path(c.Role), Role: c.Role, Tables: []string{c.Table}, Value: fmt.Sprintf("%d of %d rows, %d of others", c.Seen, c.There, c.Foreign)}
			switch {
			case c.Foreign > 0:
				s.Path = rollout.PathNone // opening more mends nothing
				s.Why = "a tenant sees rows of others in " + c.Table
			case c.Seen < c.There:
				s.Why = fmt.Sprintf("a tenant sees %d of its %d rows in %s", c.Seen, c.There, c.Table)
			default:
				continue
			}
			out = append(out, s)
		}
		return out
	},
}
