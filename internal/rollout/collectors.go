package rollout

import "time"

const day = 24 * time.Hour

// Collectors returns every collector, in the order in which gates ask for them; after them those that only signers and the windows of
// success ask for.
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
	return append(out, &integration, &workflows, &health, &logins, &backlog, &indexesUsed,
		&scraped, &ownErrors, &attemptsRecorded, &socketsStable, &journal, &cpu, &memory, &triage, &trailComplete, &pinLogins)
}
