package plan

import (
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

// revocationAccess reads Role, Options (one use of revocation) and Privileges (USAGE where the schema's is granted too).
var revocationAccess = Kind{
	Name: "revocation_access",
	Doc: `let the role of gateways follow revocations, or the role of a login or an operator make them

The follower calls the function that reads, the revoker the one that writes, and neither the other's. Both are roles of their own: an
application's role that could revoke would let one tenant cut another's sockets.`,
	Wave:   3,
	Danger: []string{"revocations"},

	Do:   func(t Target) []string { return revocation.Grant(t.revocationUse(), t.Role, bool(t.schemaUse())) },
	Undo: func(t Target) []string { return revocation.Revoke(t.revocationUse(), t.Role, bool(t.schemaUse())) },
	Done: func(t Target) string { return revocation.GrantDone(t.revocationUse(), t.Role) },
	Object: func(t Target) string {
		return Name{definer.Schema, revocation.Table}.Identity() + " for " + catalog.QuoteIdent(t.Role) + " as " + t.revocationUse()
	},
}

func (t Target) revocationUse() string {
	if len(t.Options) == 1 && slices.Contains(revocation.Uses, t.Options[0]) {
		return t.Options[0]
	}
	return revocation.Follower
}
