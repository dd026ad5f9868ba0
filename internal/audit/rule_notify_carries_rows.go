package audit

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/expr"
	"github.com/ringfencehq/ringfence/internal/reach"
)

var notifyCarriesRows = Rule{
	ID:       "TRG002",
	Name:     "notify-carries-rows",
	Title:    "a trigger sends tenants' rows by NOTIFY, which every session can hear",
	Severity: Medium,
	Source:   "privileges of LISTEN: PostgreSQL has none",
	Doc: `The trigger's function puts values of the row into a notification. LISTEN needs no privilege and knows no policy: every session of the database hears what
is sent on any channel whose name it knows.

Send the key of the row only, and let who listens read it under the policies.`,

	Check: func(in *Input, report func(Finding)) {
		in.eachTriggerBody("TRG002", []string{"notify"}, func(t *catalog.Relation, key []string, g *catalog.Trigger, f *catalog.Function, b *expr.Body) {
			if reach.Notifies(b, t, key) != nil {
				report(Finding{
					Object: g.Identity(t), ObjectType: "trigger", Table: t.Identity(),
					Detail: fmt.Sprintf("%s sends values of the row.", f.Identity()),
				})
			}
		})
	},
}
