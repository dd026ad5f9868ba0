package fleet

import (
	"context"
	"fmt"

	"github.com/ringfencehq/ringfence/internal/audit"
)

var auditVerb = Verb{
	Name: "audit",
	Doc:  "what is wrong in each: found where a finding reaches the threshold and nobody accepted it, unknown where something could not be checked",
	Ask: func(ctx context.Context, t *Target) (Line, error) {
		m, err := t.model(ctx)
		if err != nil {
			return Line{}, err
		}
		r := audit.Run(audit.Read(m), audit.Rules(), t.Now())
		l := Line{Verdict: Clean, Counts: r.Summary()}
		for _, f := range r.Findings {
			if f.Accepted == nil && t.Grave(string(f.Severity)) {
				l.Verdict = Found
			}
		}
		if l.Verdict == Clean && len(r.Unchecked) > 0 {
			l.Verdict = Unknown
		}
		c := l.Counts
		l.Weight = c["critical"]*1e6 + c["high"]*1e3 + c["medium"]
		l.Why = fmt.Sprintf("%d critical, %d high, %d medium, %d low", c["critical"], c["high"], c["medium"], c["low"])
		if n := len(r.Unchecked); n > 0 {
			l.Why += fmt.Sprintf(", %d not checked", n)
		}
		return l, nil
	},
}
