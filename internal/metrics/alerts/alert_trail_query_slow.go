package alerts

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/metrics"
)

var trailQuerySlow = Alert{
	Name: "TrailQuerySlow", Severity: Warning, For: "5m", Panel: "Trail: common queries",
	Summary: "a common query of the trail takes more than half a second",
	Meaning: `The monitor runs the two queries that people use most, the latest events and the latest of one tenant, and times them: 95 of 100 took
longer than half a second at the slow end.`,
	Steps: []string{
		"`EXPLAIN (ANALYZE, BUFFERS)` of the query: does it use the index by (authenticated_tenant_id, created_at)? `ringfence trail verify \"$DSN\"` looks at both plans.",
		"Is the table vacuumed, and are its statistics fresh?",
		"Old months can be retired: their hashes stay, their rows go.",
	},
	Expr: "histogram_quantile(0.95, sum by (job, query, le) (rate(" + metrics.TrailQuery.Name + "_bucket[3h]))) > 0.5",
	Cases: []Case{
		{"fires", buckets("0x5 0+1x60", "0x5 0+10x60"), "40m", []string{"job=ringfence query=tenant_latest"}},
		{"is quiet while they are quick", buckets("0x5 0+10x60", "0x5 0+10x60"), "40m", nil},
		{"fires on slow queries that are there from the start", buckets("_x3 1+1x60", "_x3 9+10x60"), "40m", []string{"job=ringfence query=tenant_latest"}},
		{"is quiet over a restart", buckets("60x10 0+10x30", "60x10 0+10x30"), "35m", nil},
		{"is quiet without series", nil, "40m", nil},
	},
}

// buckets are a histogram's, of which below half a second and all.
func buckets(quick, all string) []Series {
	var out []Series
	for _, le := range metrics.TrailQuery.Buckets {
		values := quick
		if le > 0.5 {
			values = all
		}
		out = append(out, Series{Metric: metrics.TrailQuery, Suffix: "_bucket", Labels: fmt.Sprintf(`query="tenant_latest",le="%v"`, le), Values: values})
	}
	return append(out, Series{Metric: metrics.TrailQuery, Suffix: "_bucket", Labels: `query="tenant_latest",le="+Inf"`, Values: all})
}
