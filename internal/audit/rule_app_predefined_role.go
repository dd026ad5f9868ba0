package audit

import (
	"github.com/ringfencehq/ringfence/internal/catalog"
)

var appPredefinedRole = roleFault(Rule{
	ID:       "ROL007",
	Name:     "app-predefined-role",
	Title:    "the application has a predefined role that reaches past its own tables",
	Severity: Medium,
	Fix:      "revoke_membership",
	Source:   "124; predefined roles of PostgreSQL 14 to 18",
	Doc: `Predefined roles give more than an application needs: pg_read_all_data and pg_write_all_data every table, protected or not, that is ever made;
pg_monitor and pg_read_all_stats the statements and statistics of all sessions; pg_signal_backend the power to end others' sessions.

Revoke the membership and grant what is used.`,
}, func(r *catalog.Role) bool { return r.Predefined && has(widePredefined, r.Name) },
	func(r *catalog.Role) string { return "REVOKE " + r.Name + " FROM CURRENT_USER" })

// widePredefined are the predefined roles that show or do something across sessions or tables; those that reach files have a rule
// of their own.
var widePredefined = []string{
	"pg_create_subscription", "pg_maintain", "pg_monitor", "pg_read_all_data", "pg_read_all_stats", "pg_signal_autovacuum_worker", "pg_signal_backend", "pg_stat_scan_tables", "pg_write_all_data",
}
