package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/catalog"
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
			held := make(map[string][]catalog.Grant) // by grantee
			for _, g := range r.Grants {
				if g.Grantee != r.Owner && slices.Contains([]string{"USAGE", "SELECT", "UPDATE"}, g.Privilege) {
					held[g.Grantee] = append(held[g.Grantee], g)
				}
			}
			for holder, grants := range held {
				app, path, ok := in.holder(holder)
				if !ok || !in.mayUse(app, r) {
					continue
				}
				var privileges []string
				for _, g := range grants {
					privileges = append(privileges, g.Privilege)
				}
				slices.Sort(privileges)
				privileges = slices.Compact(privileges)
				report(Finding{
					Object: r.Identity(), ObjectType: "sequence", Role: app, Path: path, Command: privileges[0],
					Detail: granted(privileges, "", grants[0]),
					Fix: &Fix{SQL: fmt.Sprintf("REVOKE %s ON SEQUENCE %s FROM %s", strings.Join(privileges, ", "), r.Identity(), to(grants[0])),
						Why: "identity columns need no right on the sequence; a column with a default of nextval needs USAGE until it is one", Grants: grants},
				})
			}
		}
	},
}
