package catalog

import "strings"

// hideable are the catalogues and the function without which a Snapshot can still be made, with that part unknown.
var hideable = []string{
	"pg_db_role_setting", "pg_default_acl", "pg_description", "pg_event_trigger", "pg_foreign_server",
	"pg_largeobject_metadata", "pg_parameter_acl", "pg_publication", "pg_publication_namespace", "pg_publication_rel", "pg_settings",
	"pg_subscription", "pg_user_mappings",
}

// settingNames are the settings that a judgement may depend on. What is read is the session's default, not what this
// package sets for its own transaction.
var settingNames = []string{
	"allow_system_table_mods", "check_function_bodies", "createrole_self_grant", "default_transaction_isolation", "default_transaction_read_only",
	"event_triggers", "hot_standby", "local_preload_libraries", "log_min_duration_statement", "log_min_error_statement", "log_parameter_max_length",
	"log_parameter_max_length_on_error", "log_statement", "max_prepared_transactions", "max_replication_slots", "max_wal_senders", "password_encryption",
	"plan_cache_mode", "restrict_nonsystem_relation_kind", "row_security", "search_path", "session_preload_libraries", "session_replication_role",
	"shared_preload_libraries", "ssl", "standard_conforming_strings", "track_activities", "track_counts", "track_functions", "wal_level",
}

// preludeQueries read what the other queries' texts depend on.
func (b *builder) preludeQueries() []query {
	return []query{
		{name: "the server's version", take: func(r *row) { b.version = int(r.int32()) }, sql: `SELECT current_setting('server_version_num')::int4`},
		{name: "the session's rights", args: []string{textList(hideable)}, take: func(r *row) { b.denied[r.text()] = true }, sql: `
			SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = 'pg_catalog' AND c.relname = ANY ($1::text[]) AND NOT has_any_column_privilege(c.oid, 'SELECT')
			UNION ALL SELECT p.proname::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
			WHERE n.nspname = 'pg_catalog' AND p.proname = 'pg_control_system' AND NOT has_function_privilege(p.oid, 'EXECUTE')`},
	}
}

func (b *builder) serverQueries() []query {
	identifier := `(SELECT system_identifier::text FROM pg_control_system())`
	if b.denied["pg_control_system"] {
		identifier = `''::text`
		b.unreadable("system identifier (pg_control_system)")
	}
	return []query{
		{name: "server", take: b.takeServerFacts, sql: `SELECT current_database()::text, ` + identifier + `, d.datdba, pg_encoding_to_char(d.encoding)::text, d.datcollate::text,
			session_user::text, pg_is_in_recovery(), to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			(SELECT w.ev_action::text LIKE '%:funcid ' || p.oid || ' %' FROM pg_rewrite w JOIN pg_class c ON c.oid = w.ev_class
				JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pg_catalog', pg_proc p
				WHERE c.relname = 'pg_stats_ext_exprs' AND p.proname = 'row_security_active' AND p.proargtypes[0] = 26 AND p.pronamespace = n.oid)
			FROM pg_database d WHERE d.datname = current_database()`},
		{name: "settings", need: "pg_settings", args: []string{textList(settingNames)}, take: b.takeServerSetting,
			sql: `SELECT name, reset_val FROM pg_settings WHERE name = ANY ($1::text[])`},
	}
}

func (b *builder) takeServerFacts(r *row) {
	s := &b.snap.Server
	s.VersionNum = b.version
	s.Database, s.SystemIdentifier, s.DatabaseOwner, s.Encoding, s.Collation = r.text(), r.text(), b.role(r.oid()), r.text(), r.text()
	s.SessionRole, s.InRecovery, s.TakenAt = r.text(), r.bool(), r.text()
	if safe := r.take(-1); safe != nil {
		known := len(safe) == 1 && safe[0] != 0
		s.StatsExtSafe = &known
	}
}

func (b *builder) takeServerSetting(r *row) {
	b.snap.Server.Settings[r.text()] = r.text()
}

// hiddenSettings are those of settingNames that only members of pg_read_all_settings see.
var hiddenSettings = []string{"shared_preload_libraries", "session_preload_libraries"}

func (b *builder) noteHiddenSettings() {
	for _, name := range hiddenSettings {
		if _, ok := b.snap.Server.Settings[name]; !ok {
			b.unreadable("setting " + name)
		}
	}
}

// cutOption splits name=value.
func cutOption(s string) (name, value string) {
	name, value, _ = strings.Cut(s, "=")
	return name, value
}
