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
		m, err := t.Model(ctx)
		if err != nil {
			return Line{}, err
		}
		r := audit.Run(audit.Read(m), audit.Rules(), t.Now())
		return OfAudit(r.Findings, r.Summary(), r.Unchecked, t.Grave), nil
	},
}

// OfAudit judges what an audit found; summary counts the findings by severity, and grave says which severities count.
func OfAudit(findings []audit.Finding, summary map[string]int, unchecked []audit.Unchecked, grave func(severity string) bool) Line {
	l := Line{Verdict: Clean, Counts: summary}
	for _, f := range findings {
		if f.Accepted == nil && grave(string(f.Severity)) {
			l.Verdict = Found
		}
	}
	if l.Verdict == Clean && len(unchecked) > 0 {
		l.Verdict = Unknown
	}
	l.Weight = summary["critical"]*1e6 + summary["high"]*1e3 + summary["medium"]
	l.Why = fmt.Sprintf("%d critical, %d high, %d medium, %d low", summary["critical"], summary["high"], summary["medium"], summary["low"])
	if len(unchecked) > 0 {
		l.Why += fmt.Sprintf(", %d not checked: %s", len(unchecked), unchecked[0].Why)
	}
	return l
}
