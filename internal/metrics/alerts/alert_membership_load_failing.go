package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var membershipLoadFailing = Alert{
	Name: "MembershipLoadFailing", Severity: Critical, Panel: "Memberships and keys",
	Summary: "roles or membership cannot be read, so nobody new is let in",
	Meaning: `The function that knows who belongs to which tenant could not be asked. Memberships are believed for a short while after they were read;
beyond it every request is refused. Nobody is let in on a guess.`,
	Steps: []string{
		"Does the database answer: its connections, its locks, its pooler?",
		"Does the function still exist with its owner and grants? `ringfence audit \"$DSN\"`.",
		"Sockets that are open stay open until their token ends: there is time, but not more than a token's life.",
	},
	Expr:  moved(metrics.MembershipFailures, ""),
	Cases: movedCases(metrics.MembershipFailures, ""),
}
