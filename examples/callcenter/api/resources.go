package api

// resource is one table as it is served. Reading shows the columns, and never secrets; writing takes the fields.
type resource struct {
	path          string
	schema, table string
	key, kind     string // the column that names a row, and its type: uuid, text or bigint
	columns       []string
	fields        []field // what POST and PATCH take
	operations    string  // of l(ist) g(et) c(reate) u(pdate) d(elete)
	global        bool    // the same rows for every organisation
	child         bool    // has no organisation of its own: it is its parent's
}

// field is one column that clients may write.
type field struct {
	name, kind string // kind: text, uuid, int, decimal, bool, date
	parent     string // path of the resource that a uuid refers to
	needed     bool
}

func of(path, table, operations string, columns ...string) resource {
	return resource{path: path, schema: "callcenter", table: table, key: "id", kind: "uuid", columns: append([]string{"id"}, columns...), operations: operations}
}

func phone(path, table, operations string, columns ...string) resource {
	r := of(path, table, operations, columns...)
	r.schema = "Telephony"
	return r
}

// takes adds what clients may write.
func (r resource) takes(fields ...field) resource {
	r.fields = fields
	return r
}

func text(name string) field { return field{name: name, kind: "text"} }
func must(f field) field     { f.needed = true; return f }
func to(name, parent string) field {
	return field{name: name, kind: "uuid", parent: parent}
}

// resources are the 39 tables of the reference, in its groups.
func resources() []resource {
	children := []resource{
		of("campaign-calls", "campaign_calls", "lgc", "campaign_id", "phone", "outcome").takes(must(to("campaign_id", "campaigns")), must(text("phone")), text("outcome")),
		of("artifacts", "artifacts", "lgc", "campaign_id", "kind", "url").takes(must(to("campaign_id", "campaigns")), must(text("kind")), text("url")),
		of("users", "users", "lg", "email", "full_name"),
	}
	for i := range children {
		children[i].child = true
	}
	members := of("members", "org_members", "lg", "role_id")
	members.key, members.kind, members.columns = "user_id", "text", []string{"user_id", "role_id"}
	calls := of("call-events", "telnyx_call_events", "lg", "call_id", "event_type", "created_at")
	calls.kind = "bigint"
	types := of("webhooks/event-types", "webhook_event_types", "lg", "description")
	types.key, types.kind, types.columns, types.global = "code", "text", []string{"code", "description"}, true
	return append(children, members, calls, types,
		of("ai/events", "ai_call_events", "lg", "call_id", "event_type"),
		of("ai/summaries", "ai_summaries", "lg", "call_id", "summary"),
		of("ai/contexts", "bond_ai_copilot_contexts", "l", "context"),
		of("campaigns", "campaigns", "lgcud", "name", "status", "starts_at").takes(must(text("name")), text("status")),
		of("collections/accounts", "collection_accounts", "lgcu", "debtor", "balance").takes(must(text("debtor")), field{name: "balance", kind: "decimal"}),
		of("collections/calls", "collection_calls", "l", "account_id", "from", "to"),
		of("collections/imports", "collection_csv_imports", "l", "file_name", "rows"),
		of("collections/letters", "collection_letters", "lc", "account_id", "body").takes(must(to("account_id", "collections/accounts")), must(text("body"))),
		of("collections/payments", "collection_payments", "lc", "account_id", "amount", "paid_on").takes(must(to("account_id", "collections/accounts")),
			must(field{name: "amount", kind: "decimal"}), field{name: "paid_on", kind: "date"}),
		of("collections/tasks", "collection_tasks", "lcud", "account_id", "title", "due_on").takes(to("account_id", "collections/accounts"), must(text("title")),
			field{name: "due_on", kind: "date"}),
		of("contacts", "crm_contacts", "lgcu", "email", "phone", "full_name").takes(text("email"), text("phone"), must(text("full_name"))),
		of("interactions", "crm_interactions", "l", "contact_id", "channel", "note"),
		of("history", "customer_history", "l", "contact_id", "entry"),
		of("dispositions/outcomes", "disposition_outcomes", "l", "workflow_id", "code"),
		of("dispositions/workflows", "disposition_workflows", "l", "name", "definition"),
		of("confirmations", "call_confirmations", "l", "call_id", "confirmed"),
		of("compliance", "compliance_monitoring", "l", "rule", "violated"),
		of("recordings", "recordings", "lg", "call_id", "url", "seconds"),
		of("emails", "email_logs", "l", "recipient", "subject"),
		of("ivr", "ivr_sessions", "l", "caller", "menu_path"),
		of("webhooks/retries", "webhook_retry_history", "l", "event_type", "attempt"),
		of("surveys", "surveys", "lc", "question", "score").takes(must(text("question")), field{name: "score", kind: "int"}),
		of("roles", "org_roles", "l", "name"),
		of("permissions", "role_permissions", "l", "role_id", "permission"),
		of("limits", "plan_usage_limits", "l", "metric", "limit"),
		of("usage", "usage_meters", "l", "metric", "used"),
		of("invites", "team_invites", "l", "email", "expires_at"),
		of("tools", "tool_access", "l", "tool", "enabled"),
		of("codes", "verification_codes", "l", "expires_at"),
		phone("telephony/trunks", "sip_trunks", "l", "host"),
		phone("telephony/credentials", "webrtc_credentials", "l", "username"),
		phone("telephony/voices", "voice_configs", "l", "Voice Name"),
		phone("telephony/sessions", "webrtc_sessions", "l", "credential_id", "started_at"),
	)
}
