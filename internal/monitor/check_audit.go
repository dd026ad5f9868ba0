package monitor

import (
	"context"

	"github.com/ringfencehq/ringfence/internal/audit"
	"github.com/ringfencehq/ringfence/internal/metrics"
)

var auditCheck = Check{
	Name: "audit",
	Doc:  `the audit's findings: bad with one that is critical or high and that nobody accepted, unknown where a rule could not be checked`,
	Run: func(_ context.Context, e *eye) Result {
		found := audit.Run(audit.Read(e.model), audit.Rules(), e.o.Now())
		sum := found.Summary()
		for _, s := range metrics.MonitorFindings.Series {
			e.o.Stats.Set(metrics.MonitorFindings, float64(sum[s[0]]), s[0])
		}
		details := counts(sum)
		switch {
		case sum["critical"]+sum["high"] > 0:
			r := bad("%d critical and %d high findings", sum["critical"], sum["high"])
			r.Details = details
			return r
		case len(found.Unchecked) > 0:
			return unknown("%d things could not be checked", len(found.Unchecked))
		}
		return fine("nothing critical or high")
	},
}
