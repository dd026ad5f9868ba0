package console

import (
	"net/http"
	"slices"

	"github.com/ringfencehq/ringfence/internal/drift"
	"github.com/ringfencehq/ringfence/internal/report"
)

var directions = []drift.Direction{drift.Widened, drift.Unknown, drift.Narrowed, drift.Neutral}

// drift lists what is not as it was accepted, what widened first.
func (s *subject) drift(w http.ResponseWriter, r *http.Request) {
	p := s.posture(w, r)
	if p == nil {
		return
	}
	own := struct {
		Known   bool
		Missing string
		Counts  []count
		Changes paging[drift.Change]
	}{Missing: p.NoDrift}
	if p.Drift != nil {
		own.Known = true
		changes := slices.Clone(p.Drift.Changes)
		slices.SortStableFunc(changes, func(a, b drift.Change) int {
			return slices.Index(directions, a.Direction) - slices.Index(directions, b.Direction)
		})
		own.Changes = paged(r, changes)
		own.Counts = driftCounts(p.Drift)
	}
	s.render(w, r, "drift", "Drift", own)
}

// driftCounts counts the changes by direction, what widened first.
func driftCounts(d *report.Drift) []count {
	var out []count
	for _, direction := range directions {
		out = append(out, count{string(direction), d.Summary[direction]})
	}
	return out
}
