package rights

import (
	"sort"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// createRoleNeedsAdmin is the first version in which CREATEROLE gives rights only over roles held with ADMIN OPTION.
const createRoleNeedsAdmin = 160000

// How says by what means a role is taken.
type How string

// The means.
const (
	Itself  How = "itself"
	SetRole How = "set role" // SET ROLE works as things stand
	Admin   How = "admin"    // ADMIN OPTION: the role can be granted to itself, then taken
	Creator How = "createrole"
)

// An Identity is a role that another one can run statements as.
type Identity struct {
	Role string
	How  How
	Over string // the role in whose name the grant is made, where How is Admin or Creator
}

// CanSet reports whether role may SET ROLE to the role named to, as memberships stand (pg_has_role with SET, 16 and later;
// with MEMBER before, where Snapshot marks every membership as one that may be set).
func (r *Rights) CanSet(role, to string) bool {
	return role == to || r.Superuser(role) || r.settable(role)[to]
}

func (r *Rights) settable(role string) map[string]bool {
	return r.closure(role, func(m catalog.Membership) bool { return m.Set })
}

// Identities returns every role that statements of a session of role can run as: itself first, then the rest by name. It
// goes beyond SET ROLE: a role held with ADMIN OPTION can be granted to oneself, and before 16 CREATEROLE grants every role that is
// no superuser. A superuser is only itself here, since nothing is left to gain. The slice must not be changed.
func (r *Rights) Identities(role string) []Identity {
	r.mu.Lock()
	known, ok := r.become[role]
	r.mu.Unlock()
	if ok {
		return known
	}
	found := map[string]Identity{role: {Role: role, How: Itself}}
	queue := []string{role}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, next := range r.steps(at) {
			if _, seen := found[next.Role]; !seen {
				found[next.Role] = next
				queue = append(queue, next.Role)
			}
		}
	}
	out := make([]Identity, 0, len(found))
	for name, id := range found {
		if name != role {
			out = append(out, id)
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Role < out[j].Role })
	out = append([]Identity{found[role]}, out...)
	r.mu.Lock()
	r.become[role] = out
	r.mu.Unlock()
	return out
}

// steps returns the roles that a session running as the role named at can become next.
func (r *Rights) steps(at string) []Identity {
	self := r.snap.Role(at)
	if self == nil || self.Superuser {
		return nil
	}
	var out []Identity
	// A role that was granted to oneself brings its own memberships with it.
	for name := range r.settable(at) {
		out = append(out, Identity{Role: name, How: SetRole})
	}
	for name := range r.administered(at) {
		if !r.Superuser(name) { // only a superuser grants a superuser
			out = append(out, Identity{Role: name, How: Admin, Over: at})
		}
	}
	if self.CreateRole && r.snap.Server.VersionNum < createRoleNeedsAdmin {
		for i := range r.snap.Roles {
			if x := &r.snap.Roles[i]; !x.Superuser && x.Name != databaseOwnerRole {
				out = append(out, Identity{Role: x.Name, How: Creator, Over: at})
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].How == SetRole && out[j].How != SetRole })
	return out
}

// administered returns the roles that role holds with ADMIN OPTION, itself or over any membership (is_admin_of_role).
func (r *Rights) administered(role string) map[string]bool {
	out := make(map[string]bool)
	for member := range r.closure(role, anyEdge) {
		for _, m := range r.members[member] {
			if m.Admin {
				out[m.Role] = true
			}
		}
	}
	return out
}
