package rollout

import "time"

const day = 24 * time.Hour

// The collectors: each finds out one fact. What finds it out stands in collect_NAME.go.
var (
	backupAge         = Collector{Name: "backup_age", How: "the backup hook, or pg_stat_archiver and the last base backup", Holds: time.Hour}
	backupRestore     = Collector{Name: "backup_restore", How: "a dump by the backup role is restored, and rows are counted on both sides", Holds: 24 * time.Hour}
	rehearsalApply    = Collector{Name: "rehearsal_apply", How: "the plan is applied to an embedded copy and verified", Holds: 7 * day}
	rehearsalRollback = Collector{Name: "rehearsal_rollback", How: "the plan is taken back on the copy, catalogues are compared, and it is applied again", Holds: 7 * day}
	earlierVerified   = Collector{Name: "earlier_verified", How: "ringfence verify on the stage before", Holds: 24 * time.Hour}
	earlierSoaked     = Collector{Name: "earlier_soaked", How: "the watch of the stage before", Holds: 7 * day}
	drift             = Collector{Name: "drift", How: "fingerprints of every object that the plan touches", Holds: 10 * time.Minute}
	isolation         = Collector{Name: "isolation", How: "ringfence prove --attack on the rehearsed copy", Holds: 24 * time.Hour}
	negativeControl   = Collector{Name: "negative_control", How: "the same probes on an unprotected twin have to succeed", Holds: 24 * time.Hour}
	applicationRights = Collector{Name: "application_rights", How: "attributes, memberships and ownership of the application's roles", Holds: 10 * time.Minute}
	applicationPath   = Collector{Name: "application_path", How: "two sessions through the application's own DSN and pooler", Holds: 24 * time.Hour}
	disk              = Collector{Name: "disk", How: "the sizes of indexes to come against what is free", Holds: 24 * time.Hour}
	transactions      = Collector{Name: "transactions", How: "the age of the oldest transaction, and locks on the plan's tables", Holds: time.Minute}
	replicas          = Collector{Name: "replicas", How: "lag and slots, as pg_stat_replication tells", Holds: 10 * time.Minute}
	alertRules        = Collector{Name: "alert_rules", How: "the rules that Prometheus has loaded", Holds: 24 * time.Hour}
	alertArrival      = Collector{Name: "alert_arrival", How: "a test alert that came back", Holds: 24 * time.Hour}
	onCallAnswer      = Collector{Name: "on_call_answer", How: "a person's signed answer to a call", Holds: 24 * time.Hour, Attested: true}
	secrets           = Collector{Name: "secrets", How: "a scan of the plan's directory and documents", Holds: 24 * time.Hour}
	identity          = Collector{Name: "identity", How: "pg_control_system() and the server's version", Holds: 10 * time.Minute}
	load              = Collector{Name: "load", How: "pg_stat_activity and pg_stat_database, twice", Holds: time.Minute}
	documents         = Collector{Name: "documents", How: "the plan's digest in each document", Holds: 24 * time.Hour}
)

// Collectors returns every collector, in the order in which gates ask for them.
func Collectors() []*Collector {
	var out []*Collector
	seen := map[*Collector]bool{}
	for _, g := range Gates() {
		for _, c := range g.Facts {
			if !seen[c] {
				seen[c] = true
				out = append(out, c)
			}
		}
	}
	return out
}
