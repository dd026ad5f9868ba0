package audit

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/rights"
)

// An identity is a role whose powers an application role has or can take.
type identity struct {
	role string
	path reach.Path // empty: the application role itself
	how  rights.How
}

// identities returns the application role itself, the roles it inherits and the ones it can become, nearest first.
func (in *Input) identities(app string) []identity {
	r := in.Model.Rights
	out := []identity{{role: app, how: rights.Itself}}
	for role := range r.Inherited(app) {
		if role != app {
			out = append(out, identity{role: role, path: reach.Path{{Via: "inherit", Name: role}}, how: rights.Itself})
		}
	}
	inherited := len(out)
	for _, id := range r.Identities(app) {
		if id.Role != app {
			out = append(out, identity{role: id.Role, path: reach.Path{{Via: "set_role", Name: id.Role}}, how: id.How})
		}
	}
	slices.SortFunc(out[1:inherited], func(a, b identity) int { return compareText(a.role, b.role) })
	return out
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// membership returns the membership that gives role to from or to one of the roles between: what a REVOKE has to name.
func (in *Input) membership(app, role string) (member string, ok bool) {
	direct := ""
	for _, m := range in.Model.Snapshot.Memberships {
		if m.Role != role {
			continue
		}
		if m.Member == app {
			return app, true
		}
		if direct == "" && in.Model.Rights.MemberOf(app, m.Member) {
			direct = m.Member
		}
	}
	return direct, direct != ""
}
