package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var crossTenantAttempt = Alert{
	Name: "CrossTenantAttempt", Severity: Critical, Panel: "Refusals over time",
	Summary: "somebody asked for another tenant's data, and was refused",
	Meaning: `A client with a valid token named a tenant, or a session, that is not its own. It was refused and its socket was shut. The alert says
that it was tried, not that it succeeded: whether tenants' rows are isolated is what the monitor's checks and ringfence prove tell.`,
	Steps: []string{
		"See who it was: `ringfence trail query \"$DSN\" --type cross_tenant --since 1h`. User, tenant, attempted tenant, address and session are in the event.",
		"One user, one attempt, right after a release: a client that mixes its tenants up. Tell its team; `ringfence trail triage` it as false, with the reason.",
		"Several tenants, or several attempts from one address: an attack. Revoke the user's sessions, then hand it to security.",
		"Confirm that nothing came through: `ringfence prove \"$DSN\"` exits 0.",
	},
	Expr: moved(metrics.Refusals, `{event="cross_tenant"}`),
	Cases: append(movedCases(metrics.Refusals, `event="cross_tenant",severity="CRITICAL"`), Case{
		"is quiet about refusals of another kind",
		[]Series{{Metric: metrics.Refusals, Labels: `event="cross_tenant",severity="CRITICAL"`, Values: "0x20"},
			{Metric: metrics.Refusals, Labels: `event="token_expired",severity="WARNING"`, Values: "0x5 9x15"}, {Metric: metrics.StartTime(), Values: "0x20"}},
		"9m", nil}),
}
