package attack

// State is what the stranger's session knows of a tenant.
type State int

// The states of a session's tenant context.
const (
	Proper    State = iota // the stranger's own tenant, properly set
	Unset                  // never set in this session: what a fresh connection has, role defaults included
	Empty                  // the empty string: what a pooled connection is left with
	Malformed              // something that is no tenant: each of a list is tried
	Lookalike              // the proper context of a third tenant whose name is like the owner's
)

// String names the state for people.
func (s State) String() string {
	switch s {
	case Unset:
		return "no context"
	case Empty:
		return "empty context"
	case Malformed:
		return "malformed context"
	case Lookalike:
		return "the context of a tenant of a like name"
	default:
		return "another tenant's context"
	}
}
