// Package callcenter is reference system B: a call-centre SaaS with 39 unprotected tables, each with a trap of the real one.
// schema.sql is its state before any remediation, seed.sql its rows, ringfence.yaml what its people know and no catalogue says.
// It is what ringfence demo hardens. To add a trap: put it into schema.sql, marked "trap:", and a test that names it.
package callcenter

import _ "embed"

// Schema is the DDL; it makes roles too, and is run by a superuser. Statements are separated as psql has them.
//
//go:embed schema.sql
var Schema string

// Seed fills the tables. It reads two settings of the session: seed.organizations and seed.events.
//
//go:embed seed.sql
var Seed string

// Config is the ringfence.yaml of the system.
//
//go:embed ringfence.yaml
var Config []byte

// Tables lists the 39 tables of the reference by identity, sorted.
func Tables() []string {
	return []string{
		`"Telephony".sip_trunks`, `"Telephony".voice_configs`, `"Telephony".webrtc_credentials`, `"Telephony".webrtc_sessions`,
		"callcenter.ai_call_events", "callcenter.ai_summaries", "callcenter.artifacts", "callcenter.bond_ai_copilot_contexts",
		"callcenter.call_confirmations", "callcenter.campaign_calls", "callcenter.campaigns", "callcenter.collection_accounts",
		"callcenter.collection_calls", "callcenter.collection_csv_imports", "callcenter.collection_letters",
		"callcenter.collection_payments", "callcenter.collection_tasks", "callcenter.compliance_monitoring",
		"callcenter.crm_contacts", "callcenter.crm_interactions", "callcenter.customer_history", "callcenter.disposition_outcomes",
		"callcenter.disposition_workflows", "callcenter.email_logs", "callcenter.ivr_sessions", "callcenter.org_members",
		"callcenter.org_roles", "callcenter.plan_usage_limits", "callcenter.recordings", "callcenter.role_permissions",
		"callcenter.surveys", "callcenter.team_invites", "callcenter.telnyx_call_events", "callcenter.tool_access",
		"callcenter.usage_meters", "callcenter.users", "callcenter.verification_codes", "callcenter.webhook_event_types",
		"callcenter.webhook_retry_history",
	}
}
