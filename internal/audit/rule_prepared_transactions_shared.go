package audit

import (
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
)

var preparedTransactionsShared = Rule{
	ID:       "SRV001",
	Name:     "prepared-transactions-shared",
	Title:    "any session of the application can end another's prepared transaction",
	Severity: Low,
	Source:   "verified attack: two-phase commit under a shared role",
	Doc: `max_prepared_transactions is not 0. pg_prepared_xacts is readable by everybody, and ROLLBACK PREPARED needs only the same role: SQL injected in
one tenant's request ends another's payment.

Set max_prepared_transactions = 0 (the default), or use a login of its own for two-phase commit.`,

	Check: func(in *Input, report func(Finding)) {
		n, err := strconv.Atoi(in.Model.Snapshot.Server.Settings["max_prepared_transactions"])
		if err != nil || n == 0 || len(in.Model.Applications()) == 0 {
			return
		}
		report(Finding{
			Object: catalog.QuoteIdent(in.Model.Snapshot.Server.Database), ObjectType: "database", Role: in.Model.Applications()[0],
			Detail: "max_prepared_transactions is " + strconv.Itoa(n) + ".",
			Fix:    &Fix{SQL: "ALTER SYSTEM SET max_prepared_transactions = 0", Why: "needs a restart"},
		})
	},
}
