package alerts

import "github.com/ringfencehq/ringfence/internal/metrics"

var violationRateAnomaly = Alert{
	Name: "ViolationRateAnomaly", Severity: Warning, For: "10m", Panel: "Refusals over time",
	Summary: "refusals have come at more than one in five seconds for ten minutes",
	Meaning: `More is being refused than people with expired tokens explain. A release that sends old tokens, a client that tries again without a pause, or
somebody who tries keys.`,
	Steps: []string{
		"By kind: the dashboard's first panel, or `ringfence trail query \"$DSN\" --rate --since 1h`.",
		"token_expired and token_invalid after a release: a client or an issuer. rate_limited: somebody in a loop.",
		"pin_failed, tenant_malformed, message_malformed: somebody at work. See by address, and by tenant.",
	},
	Expr: "sum by (job) (rate(" + metrics.Refusals.Name + "[10m])) > 0.2",
	Cases: []Case{
		{"fires", rate("0+30x40"), "35m", []string{"job=ringfence"}},
		{"is quiet about one burst", rate("0x10 60x30"), "12m", nil},
		{"is quiet about few", rate("0+3x40"), "35m", nil},
		{"fires on a rate that is there from the start", rate("_x5 40+30x40"), "40m", []string{"job=ringfence"}},
		{"fires over a restart", rate("0+30x20 0+30x20"), "38m", []string{"job=ringfence"}},
		{"is quiet without series", nil, "35m", nil},
	},
}

func rate(values string) []Series {
	return []Series{{Metric: metrics.Refusals, Labels: `event="token_invalid",severity="ERROR"`, Values: values}}
}
