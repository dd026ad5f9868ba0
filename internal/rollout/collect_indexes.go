package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

var (
	indexesUsed = Collector{Name: "indexes_used", How: "pg_stat_all_indexes, for the indexes that the plan makes", Holds: 24 * time.Hour, Collect: collectIndexesUsed}
	logins      = Collector{Name: "logins", How: "the hook logins", Holds: 24 * time.Hour, Collect: hooked("logins", "log-ins fail as seldom as before")}
	backlog     = Collector{Name: "backlog", How: "the hook backlog, or the journals' length as Prometheus has it", Holds: time.Hour, Collect: collectBacklog}
)

// collectIndexesUsed looks whether each index of the plan was scanned since the statistics began.
func collectIndexesUsed(ctx context.Context, t *Target) Finding {
	var names []string
	for _, s := range t.Plan.Steps {
		if s.Kind == "tenant_index" {
			names = append(names, s.Object)
		}
	}
	if len(names) == 0 {
		return known(true, "0 indexes", "the plan makes none")
	}
	return t.query(ctx, func(conn *pgx.Conn) Finding {
		rows, err := conn.Query(ctx, `SELECT w.name FROM pg_catalog.unnest($1::text[]) AS w (name)
			LEFT JOIN pg_catalog.pg_stat_all_indexes AS s ON s.indexrelid = pg_catalog.to_regclass(w.name) WHERE coalesce(s.idx_scan, 0) = 0`, names)
		if err != nil {
			return unknown("the statistics of the indexes could not be read: %v", err)
		}
		unused, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return unknown("the statistics of the indexes could not be read: %v", err)
		}
		f := known(len(unused) == 0, fmt.Sprintf("%d of %d", len(names)-len(unused), len(names)), "every index that was made is scanned")
		if len(unused) > 0 {
			f.Outcome, f.Why = Unknown, fmt.Sprintf("%d were not scanned yet, among them %s: on small tables the planner has no use for an index", len(unused), strings.Join(unused[:min(2, len(unused))], ", "))
		}
		return f
	})
}
