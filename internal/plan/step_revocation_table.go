package plan

import (
	"github.com/ringfencehq/ringfence/internal/definer"
	"github.com/ringfencehq/ringfence/internal/revocation"
)

var revocationTable = Kind{
	Name: "revocation_table",
	Doc: `make the table of revocations

Tokens, sessions, members and tenants that were revoked, one function that writes them and one that gateways follow. They belong to
a role that nobody is a member of. No table of the application is locked. Taking it back forgets what was revoked: tokens that have
not ended count again.`,
	Wave:       3,
	Danger:     []string{"revocations"},
	UndoDanger: []string{"drops_values"},

	Do:     func(Target) []string { return revocation.Install() },
	Undo:   func(Target) []string { return revocation.Uninstall() },
	Done:   func(Target) string { return revocation.Done() },
	Object: func(Target) string { return Name{definer.Schema, revocation.Table}.Identity() },
}
