package prove

// An expectation is what prove has to say of one script of the corpus, in both its states, line by line.
type expectation struct {
	vulnerable, fixed []string
	why               string // no line is expected of the vulnerable state: why not; or why a line stays in the fixed one
}

var corpus = map[string]expectation{
	"A01_rls_not_enabled": {
		vulnerable: []string{"leak a01.doc expression"},
	},
	"A05_owner_with_force_can_disable": {
		vulnerable: []string{"leak a05.doc expression", "leak a05.doc owner:a05_app expression"},
	},
	"A09_app_bypassrls": {
		vulnerable: []string{"leak a09.doc expression"},
	},
	"A13_server_program_role": {
		vulnerable: []string{"leak a13.doc inherit:pg_execute_server_program expression"},
	},
	"A17_create_like_loses_rls": {
		vulnerable: []string{"leak a17.doc expression"},
	},
	"A21_rls_on_partitions_only": {
		vulnerable: []string{"leak a21.doc expression", "leak a21.doc_p0 parent:a21.doc rows", "leak a21.doc_p1 parent:a21.doc rows"},
	},
	"A25_sibling_database_copy": {
		why: "the copy is in another database, which no catalogue of this one shows; the audit has a rule for it",
	},
	"B01_using_true": {
		vulnerable: []string{"leak b01.doc expression"},
	},
	"B05_insert_with_check_true": {
		vulnerable: []string{"leak b05.doc expression"},
	},
	"B09_blind_delete": {
		vulnerable: []string{"leak b09.doc expression"},
	},
	"B13_failopen_empty_context": {
		vulnerable: []string{"leak b13.doc expression"},
	},
	"B17_citext_tenant": {
		vulnerable: []string{"leak b17.doc expression"},
	},
	"B21_prefix_match": {
		vulnerable: []string{"leak b21.doc expression"},
	},
	"B25_membership_self_escalation": {
		vulnerable: []string{"leak b25.doc no", "leak b25.membership expression"},
		fixed:      []string{"leak b25.membership expression"},
		why:        "the membership table itself stays readable, which the repair does not touch",
	},
	"B29_policy_fn_secdef_mutable_search_path": {
		vulnerable: []string{"leak b29.doc no"},
	},
	"B33_empty_share_token": {
		vulnerable: []string{"leak b33.doc expression"},
		fixed:      []string{"unproven b33.doc"},
		why:        "a token that is a secret opens rows of other tenants on purpose: logic does not know who has it",
	},
	"B37_current_user_policy_setrole": {
		vulnerable: []string{"leak b37.doc set_role:b37_ta expression", "leak b37.doc set_role:b37_tb expression"},
	},
	"B41_command_gap_update_moves_via_parent": {
		vulnerable: []string{"leak b41.task no"},
	},
	"C02_forge_context_single_statement": {
		why: "any plain setting is self-asserted: an informational finding of the audit; the signed context closes it",
	},
	"C06_set_bind_param_injection": {
		why: "the fault is in the application, which puts text into SET; the database is the same before and after",
	},
	"C10_role_default_context": {
		vulnerable: []string{"leak c10.doc expression"},
	},
	"C14_backend_pid_session_table": {
		vulnerable: []string{"leak c14.doc no", "unproven c14.ctx function:c14.login(pg_catalog.uuid)"},
		fixed:      []string{"unproven c14.ctx function:c14.login(pg_catalog.uuid)"},
		why:        "the table of sessions is written by its log-in function on purpose",
	},
	"C18_prepared_statement_hijack": {
		why: "the fault is a pool that shares prepared statements; no catalogue shows it",
	},
	"C22_shared_role_terminate": {
		why: "sessions of one role may end each other: no row is reached",
	},
	"D04_materialized_view": {
		vulnerable: []string{"leak d04.doc matview:d04.mv expression"},
	},
	"D08_secdef_tenant_parameter": {
		vulnerable: []string{"leak d08.doc function:d08.docs_of(pg_catalog.uuid) expression"},
	},
	"D12_secdef_dynamic_sql": {
		vulnerable: []string{"leak d12.doc function:d12.search(pg_catalog.text) rows", "unproven d12.doc function:d12.search(pg_catalog.text)"},
	},
	"D16_rule_runs_as_owner": {
		vulnerable: []string{"leak d16.doc rule:touch on d16.evt expression"},
	},
	"D20_trigger_privilege_wiretap": {
		vulnerable: []string{"leak d20.doc expression"},
		fixed:      []string{"leak d20_w.loot expression", "leak d20_w.loot owner:d20_app expression"},
		why:        "the table that the attacker made for the loot is there still",
	},
	"D24_sequence_volume_leak": {
		why: "a sequence tells how much is sold, and no row; the audit has a rule for it",
	},
	"D28_logical_replication_slot": {
		vulnerable: []string{"leak d28.doc publication:REPLICATION of d28_app expression"},
	},
	"D32_force_plus_owner_allow_policy": {
		vulnerable: []string{"leak d32.doc function:d32.f() expression", "leak d32.doc view:d32.v expression"},
	},
	"E04_fk_blocks_victim_delete": {
		vulnerable: []string{"inference leak e04.parent constraint:child_parent_id_fkey on e04.child no", "inference leak e04.parent constraint:parent_pkey on e04.parent no"},
	},
	"E08_unique_squatting_denial": {
		vulnerable: []string{"inference leak e08.users constraint:users_email_key on e08.users no"},
	},
	"E12_upsert_steals_by_broad_update_policy": {
		vulnerable: []string{"leak e12.setting expression"},
	},
	"F04_two_phase_shared_role": {
		why: "prepared transactions of one role: no row is reached by a policy; the audit has a rule for it",
	},
	"H01_explain_row_estimates": {
		why: "statistics, beside every policy",
	},
	"H05_leakproof_user_function": {
		vulnerable: []string{"leak h05.doc function:h05.fast_match(pg_catalog.text) rows"},
	},
	"H09_timing_index_scan": {
		why: "timing, beside every policy",
	},
	"N01_update_without_with_check": {
		why: "a control: it is no hole",
	},
	"N05_row_security_off": {
		why: "a control: it is no hole",
	},
	"N09_returning_and_for_update": {
		why: "a control: it is no hole",
	},
	"N13_on_conflict_update_hidden_row": {
		why: "a control: it is no hole",
	},
	"N17_policy_recursion": {
		why: "a control: it is no hole",
	},
	"N21_security_definer_with_force": {
		why: "a control: it is no hole",
	},
	"V01_cve_2026_120154_on_conflict_where": {
		vulnerable: []string{"inference leak v01.doc constraint:doc_pkey on v01.doc no"},
	},
	"V05_cve_2024_10976_subquery_plan_role": {
		vulnerable: []string{"leak v05.doc set_role:v05_r1 expression", "leak v05.doc set_role:v05_r2 expression"},
	},
	"V09_drop_owned_by_drops_policy_to_caller": {
		why: "DROP OWNED BY is a statement of the role's own that changes policies; no way to a row shows it, and audit's POL012 tells it",
	},
}
