package audit

import (
	"fmt"
	"slices"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/pg"
)

var sequenceGranted = Rule{
	ID:       "GRT005",
	Name:     "sequence-granted",
	Title:    "one sequence counts for all tenants, and the application may read it",
	Severity: Low,
	Fix:      "revoke",
	Source:   "141; verified attack by volume",
	Doc: `A sequence is shared by all tenants. Who may read it, or call nextval, sees by the gaps how much the others write; with UPDATE it can be set
back, so that others' inserts collide. Identity columns need no grant on their sequence.

Revoke the rights, use uuid keys or GENERATED ALWAYS AS IDENTITY.`,

	Check: func(in *Input, report func(Finding)) {
		for i := range in.Model.Snapshot.Relations {
			r := &in.Model.Snapshot.Relations[i]
			if r.Kind != catalog.Sequence || r.Extension != "" || r.System {
				continue
			}
			for _, g := range r.Grants {
				app, path, ok := in.holder(g.Grantee)
				if !ok || g.Grantee == r.Owner || !slices.Contains([]string{"USAGE", "SELECT", "UPDATE"}, g.Privilege) || !in.mayUse(app, r) {
					continue
				}
				to := "PUBLIC"
				if g.Grantee != "" {
					to = pg.Ident(g.Grantee)
				}
				report(Finding{
					Object: r.Identity(), ObjectType: "sequence", Role: app, Path: path, Command: g.Privilege,
					Detail: fmt.Sprintf("%s is granted to %s.", g.Privilege, grantee(g)),
					Fix:    &Fix{SQL: fmt.Sprintf("REVOKE %s ON SEQUENCE %s FROM %s", g.Privilege, r.Identity(), to), Why: "identity columns need no right on the sequence; a column with a default of nextval needs USAGE until it is one", Grant: &g},
				})
			}
		}
	},
}
