package report

import "testing"

// The scores are those of FIRST's own calculator for the same vectors.
func TestCVSS(t *testing.T) {
	for _, test := range []struct {
		guessed bool
		c, i, a impactMetric
		want    CVSS
	}{
		{false, impactHigh, impactHigh, impactHigh, CVSS{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H", 8.8, "High"}},
		{false, impactHigh, impactNone, impactNone, CVSS{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:N/A:N", 6.5, "Medium"}},
		{false, impactHigh, impactHigh, impactNone, CVSS{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:N", 8.1, "High"}},
		{false, impactNone, impactLow, impactLow, CVSS{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:L", 5.4, "Medium"}},
		{true, impactLow, impactNone, impactNone, CVSS{"CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:L/I:N/A:N", 3.1, "Low"}},
		{false, impactNone, impactNone, impactNone, CVSS{"CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:N/A:N", 0, "None"}},
	} {
		if got := cvss(test.guessed, test.c, test.i, test.a); got != test.want {
			t.Errorf("got %v, want %v", got, test.want)
		}
	}
}
