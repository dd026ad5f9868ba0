package report

import (
	"fmt"
	"math"
)

// A CVSS is a CVSS v3.1 base vector with the score that the standard's formula gives it.
type CVSS struct {
	Vector   string  `json:"vector"`
	Score    float64 `json:"score"`
	Severity string  `json:"severity"` // None, Low, Medium, High, Critical
}

// An impactMetric is how much of one property is lost.
type impactMetric byte

// The values of confidentiality, integrity and availability.
const (
	impactNone impactMetric = 'N'
	impactLow  impactMetric = 'L'
	impactHigh impactMetric = 'H'
)

// cvss computes the base vector of a hole that a tenant's own requests can use: over the network, with an ordinary account, nobody
// else taking part, within one system. Complexity is high where something has to be guessed. The formula and its constants are
// those of https://www.first.org/cvss/v3.1/specification-document, section 7.1, for an unchanged scope.
func cvss(guessed bool, c, i, a impactMetric) CVSS {
	complexity, ac := byte('L'), 0.77
	if guessed {
		complexity, ac = 'H', 0.44
	}
	lost := map[impactMetric]float64{impactNone: 0, impactLow: 0.22, impactHigh: 0.56}
	impact := 6.42 * (1 - (1-lost[c])*(1-lost[i])*(1-lost[a]))
	exploitability := 8.22 * 0.85 * ac * 0.62 * 0.85 // AV:N, AC, PR:L with S:U, UI:N
	out := CVSS{Vector: fmt.Sprintf("CVSS:3.1/AV:N/AC:%c/PR:L/UI:N/S:U/C:%c/I:%c/A:%c", complexity, c, i, a)}
	if impact > 0 {
		out.Score = roundUp(math.Min(impact+exploitability, 10))
	}
	switch {
	case out.Score == 0:
		out.Severity = "None"
	case out.Score < 4:
		out.Severity = "Low"
	case out.Score < 7:
		out.Severity = "Medium"
	case out.Score < 9:
		out.Severity = "High"
	default:
		out.Severity = "Critical"
	}
	return out
}

// roundUp is the standard's Roundup of appendix A, which works on whole numbers so that every machine gives the same score.
func roundUp(x float64) float64 {
	n := int(math.Round(x * 100000))
	if n%10000 == 0 {
		return float64(n) / 100000
	}
	return float64(n/10000+1) / 10
}
