package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var sessionsShared = Rule{
	ID:       "SRV002",
	Name:     "sessions-shared",
	Title:    "sessions of all tenants run under one role",
	Severity: Info,
	Source:   "verified attacks: pg_stat_activity, pg_cancel_backend and advisory locks under a shared role",
	Doc: `Sessions of one role see each other's statements in pg_stat_activity, can end each other by pg_terminate_backend, take the same advisory locks, and block each
other by LOCK TABLE. SQL injected in one tenant's request does so to all others. Row level security has no say here.

Where that is a threat: revoke EXECUTE on pg_terminate_backend and pg_cancel_backend from PUBLIC, set track_activities = off for the role, limit lock_timeout.`,

	Check: func(in *Input, report func(Finding)) {
		for _, app := range in.Model.Applications() {
			if r := in.Model.Snapshot.Role(app); r != nil && r.Login {
				report(Finding{Object: catalog.QuoteIdent(app), ObjectType: "role", Role: app, Detail: "It is one login for all tenants' requests."})
			}
		}
	},
}
