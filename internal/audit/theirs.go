package audit

import "github.com/ringfencehq/ringfence/internal/tenancy"

// keepers returns the roles that own a table with a tenant key of its own.
func keepers(m *tenancy.Model) map[string]bool {
	out := map[string]bool{}
	for _, t := range m.TenantTables() {
		if t.Class != tenancy.Child {
			out[t.Relation.Owner] = true
		}
	}
	return out
}

// theirs reports whether what a role owns is somebody else's to change: a provider's sign-in or file store stands beside the
// application's tables, and only leads to a tenant. Such a role owns no table with a tenant key of its own, and another one does.
// What is open there is told all the same; how it might be kept better is no advice to who cannot change it.
func (in *Input) theirs(owner string) bool { return len(in.keepers) > 0 && !in.keepers[owner] }
