package trail

import (
	"context"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence/internal/trailsql"
)

// commonQueries are the two that people ask most.
var commonQueries = []struct{ name, what, sql string }{
	{"tenant_latest", "a tenant's latest events", "SELECT * FROM " + trailsql.Schema + "." + trailsql.Events + " WHERE authenticated_tenant_id =" +
		" (SELECT authenticated_tenant_id FROM " + trailsql.Schema + "." + trailsql.Events + " ORDER BY created_at DESC LIMIT 1) ORDER BY created_at DESC LIMIT 100"},
	{"critical_latest", "the latest critical events", "SELECT * FROM " + trailsql.Schema + "." + trailsql.Events +
		" WHERE severity = 'CRITICAL' AND created_at > now() - interval '1 day' ORDER BY created_at DESC LIMIT 100"},
}

// QueryTime is how long one of the two common queries took.
type QueryTime struct {
	Name string // tenant_latest or critical_latest, for a label
	Took time.Duration
}

// TimeQueries runs the two queries that people ask most, a tenant's latest events (of the tenant heard from last) and the day's
// critical ones, as a role that may read the trail. A monitor calls it on a schedule.
func TimeQueries(ctx context.Context, q Querier) ([]QueryTime, error) {
	out := make([]QueryTime, 0, len(commonQueries))
	for _, c := range commonQueries {
		begin := time.Now()
		rows, err := q.Query(ctx, c.sql)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("timing the query for %s: %w", c.what, err)
		}
		out = append(out, QueryTime{Name: c.name, Took: time.Since(begin)})
	}
	return out, nil
}
