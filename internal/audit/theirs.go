package audit

import "github.com/ringfencehq/ringfence/internal/tenancy"

// theirs reports whether what a role owns is somebody else's to change: a provider's sign-in or file store stands beside the
// application's tables, and only leads to a tenant. Such a role owns no table with a tenant key of its own, and another one does.
// What is open there is told all the same; how it might be kept better is no advice to who cannot change it.
func (in *Input) theirs(owner string) bool {
	keeps := false
	for _, t := range in.Model.TenantTables() {
		if t.Class == tenancy.Child {
			continue
		}
		if t.Relation.Owner == owner {
			return false
		}
		keeps = true
	}
	return keeps
}
