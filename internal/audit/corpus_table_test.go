package audit

// An expectation is what the audit has to say of one script of the corpus.
type expectation struct {
	rule     string   // "": nothing at high or above, for the reason in why
	object   string   // "": the database, whose name is the test's
	severity Severity // at least
	why      string   // without a rule: why the catalogue shows no hole
	stays    []string // rule and object of what the repair leaves in place on purpose
}

func (e expectation) met(f Finding) bool {
	return f.ID == e.rule && (f.Object == e.object || e.object == "" && f.ObjectType == "database") && rank(f.Severity) <= rank(e.severity)
}

const (
	control  = "a control: often taken for a hole, and not exploitable"
	dynamic  = "only the application's own SQL or its pool shows it: the schema is a right one"
	recursed = "a control: the circle refuses every statement, and leaks nothing"
)

// corpus has one line for each script.
var corpus = map[string]expectation{
	"A01_rls_not_enabled":                      {rule: "RLS001", object: "a01.doc", severity: Critical},
	"A05_owner_with_force_can_disable":         {rule: "RLS004", object: "a05.doc", severity: Critical},
	"A09_app_bypassrls":                        {rule: "ROL002", object: "a09_app", severity: Critical},
	"A13_server_program_role":                  {rule: "ROL004", object: "a13_app", severity: Critical},
	"A17_create_like_loses_rls":                {rule: "RLS001", object: "a17.doc", severity: Critical},
	"A21_rls_on_partitions_only":               {rule: "RLS001", object: "a21.doc", severity: Critical},
	"A25_sibling_database_copy":                {rule: "DBS001", severity: High},
	"B01_using_true":                           {rule: "POL001", object: "p on b01.doc", severity: Critical},
	"B05_insert_with_check_true":               {rule: "POL001", object: "p2 on b05.doc", severity: Critical},
	"B09_blind_delete":                         {rule: "POL001", object: "p2 on b09.doc", severity: Critical},
	"B13_failopen_empty_context":               {rule: "POL004", object: "p on b13.doc", severity: Critical},
	"B17_citext_tenant":                        {rule: "POL007", object: "p on b17.doc", severity: High},
	"B21_prefix_match":                         {rule: "POL008", object: "p on b21.doc", severity: High},
	"B25_membership_self_escalation":           {rule: "POL009", object: "p on b25.doc", severity: Critical},
	"B29_policy_fn_secdef_mutable_search_path": {rule: "FUN001", object: "b29.cur_tenant()", severity: High},
	"B33_empty_share_token":                    {rule: "POL010", object: "p on b33.doc", severity: High},
	"B37_current_user_policy_setrole":          {rule: "ROL006", object: "p on b37.doc", severity: High},
	"B41_command_gap_update_moves_via_parent":  {rule: "POL002", object: "w on b41.task", severity: High},
	"C02_forge_context_single_statement":       {rule: "CTX006", object: "app.tid", severity: Info},
	"C06_set_bind_param_injection":             {why: dynamic},
	"C10_role_default_context":                 {rule: "CTX005", object: "c10_app", severity: High},
	"C14_backend_pid_session_table":            {rule: "CTX007", object: "c14.cur()", severity: High},
	"C18_prepared_statement_hijack":            {why: dynamic},
	"C22_shared_role_terminate":                {rule: "SRV002", object: "c22_app", severity: Info},
	"D04_materialized_view":                    {rule: "VIA002", object: "d04.mv", severity: High},
	"D08_secdef_tenant_parameter":              {rule: "VIA003", object: "d08.docs_of(pg_catalog.uuid)", severity: High},
	"D12_secdef_dynamic_sql":                   {rule: "FUN009", object: "d12.search(pg_catalog.text)", severity: High},
	"D16_rule_runs_as_owner":                   {rule: "VIA004", object: "touch on d16.evt", severity: Critical},
	"D20_trigger_privilege_wiretap":            {rule: "GRT002", object: "d20.doc", severity: High},
	"D24_sequence_volume_leak":                 {rule: "GRT005", object: "d24.doc_seq", severity: Low},
	"D28_logical_replication_slot":             {rule: "ROL003", object: "d28_app", severity: High},
	"D32_force_plus_owner_allow_policy":        {rule: "VIA001", object: "d32.v", severity: Critical},
	"E04_fk_blocks_victim_delete":              {rule: "KEY003", object: "child_parent_id_fkey on e04.child", severity: Medium},
	"E08_unique_squatting_denial":              {rule: "KEY002", object: "e08.users_email_key", severity: Medium},
	"E12_upsert_steals_by_broad_update_policy": {rule: "POL001", object: "r on e12.setting", severity: Critical},
	"F04_two_phase_shared_role":                {rule: "SRV001", severity: Low},
	"H01_explain_row_estimates":                {rule: "INF001", object: "h01.doc", severity: Info},
	"H05_leakproof_user_function":              {rule: "FUN002", object: "h05.fast_match(pg_catalog.text)", severity: High},
	"H09_timing_index_scan":                    {rule: "IDX003", object: "h09.doc_diag", severity: Low},
	"N01_update_without_with_check":            {why: control},
	"N05_row_security_off":                     {why: control},
	"N09_returning_and_for_update":             {why: control},
	"N13_on_conflict_update_hidden_row":        {why: control},
	"N17_policy_recursion":                     {why: recursed},
	"N21_security_definer_with_force":          {why: control},
	"V01_cve_2026_120154_on_conflict_where":    {rule: "KEY002", object: "v01.doc_pkey", severity: Low},
	"V05_cve_2024_10976_subquery_plan_role":    {rule: "POL001", object: "p1 on v05.doc", severity: High},
	"V09_drop_owned_by_drops_policy_to_caller": {rule: "POL012", object: "p2 on v09.doc", severity: High},
}
