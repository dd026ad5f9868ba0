package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var pinCounterFailing = Alert{
	Name: "PinCounterFailing", Severity: Critical, Panel: "Logins by PIN",
	Summary: "tries to log in by PIN could not be counted",
	Meaning: `The counter that locks a user after wrong PINs could not be moved. Such a try is refused, so nobody gets in by it; nobody can log in by
PIN either while it lasts.`,
	Steps: []string{
		"Does the login's database answer, and does its role still have EXECUTE on the functions? The node's log has the SQLSTATE.",
		"After a migration: `ringfence audit \"$DSN\"` names a function that changed its owner or lost its grant.",
		"When it works again, see that the numbers move: " + metrics.PINAttempts.Name + ".",
	},
	Expr:  moved(metrics.PINAttempts, `{outcome="uncounted"}`),
	Cases: movedCases(metrics.PINAttempts, `outcome="uncounted"`),
}
