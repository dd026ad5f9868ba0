// Package rights answers what a role may do, from a Snapshot alone, as PostgreSQL itself would answer: which roles it has the
// privileges of, which it may become, and which privileges it holds on relations, columns, functions and schemas. It performs
// no I/O. Its answers are held against pg_has_role and has_table_privilege by an oracle test on generated role graphs.
//
// To add a kind of object: add its method in privilege.go, from the object's Grants, and a line to the oracle test.
package rights

import (
	"slices"
	"sync"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

// Rights answers questions about the roles and grants of one Snapshot. It is safe for concurrent use.
type Rights struct {
	snap    *catalog.Snapshot
	members map[string][]catalog.Membership // by member

	mu     sync.Mutex
	privs  map[string]map[string]bool
	become map[string][]Identity
}

// New returns the rights in s.
func New(s *catalog.Snapshot) *Rights {
	r := &Rights{
		snap: s, members: make(map[string][]catalog.Membership),
		privs: make(map[string]map[string]bool), become: make(map[string][]Identity),
	}
	for _, m := range s.Memberships {
		r.members[m.Member] = append(r.members[m.Member], m)
	}
	return r
}

// databaseOwnerRole is the predefined role whose one implicit member is the owner of the current database.
const databaseOwnerRole = "pg_database_owner"

// edges returns the memberships of member, the implicit one of the database's owner among them. Before 16 it counts without SET
// ROLE only where the owner inherits at all.
func (r *Rights) edges(member string) []catalog.Membership {
	out := r.members[member]
	self := r.snap.Role(member)
	if self != nil && member == r.snap.Server.DatabaseOwner && r.snap.Role(databaseOwnerRole) != nil {
		inherit := self.Inherit || r.snap.Server.VersionNum >= membershipOptions
		out = append(slices.Clone(out), catalog.Membership{Role: databaseOwnerRole, Member: member, Inherit: inherit, Set: true})
	}
	return out
}

// membershipOptions is the first version in which memberships, not roles, say whether they are inherited.
const membershipOptions = 160000

// closure returns role and all that it reaches over the memberships that follow allows.
func (r *Rights) closure(role string, follow func(catalog.Membership) bool) map[string]bool {
	seen := map[string]bool{role: true}
	queue := []string{role}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, m := range r.edges(at) {
			if !seen[m.Role] && follow(m) {
				seen[m.Role] = true
				queue = append(queue, m.Role)
			}
		}
	}
	return seen
}

// Inherited returns the roles whose privileges role has without SET ROLE, itself among them (has_privs_of_role, but for a
// superuser, who has those of every role: ask HasPrivsOf). The map must not be changed.
func (r *Rights) Inherited(role string) map[string]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.privs[role]; ok {
		return known
	}
	set := r.closure(role, func(m catalog.Membership) bool { return m.Inherit })
	r.privs[role] = set
	return set
}

// Superuser reports whether role is one.
func (r *Rights) Superuser(role string) bool {
	x := r.snap.Role(role)
	return x != nil && x.Superuser
}

// Bypass reports whether row security never binds role itself: superuser or BYPASSRLS, neither of which is inherited.
func (r *Rights) Bypass(role string) bool {
	x := r.snap.Role(role)
	return x != nil && (x.Superuser || x.BypassRLS)
}

// HasPrivsOf reports whether role has the privileges of the role named of (pg_has_role with USAGE).
func (r *Rights) HasPrivsOf(role, of string) bool {
	return role == of || r.Superuser(role) || r.Inherited(role)[of]
}

// MemberOf reports whether role is a member of the role named of, directly or not (pg_has_role with MEMBER).
func (r *Rights) MemberOf(role, of string) bool {
	return role == of || r.Superuser(role) || r.closure(role, anyEdge)[of]
}

func anyEdge(catalog.Membership) bool { return true }
