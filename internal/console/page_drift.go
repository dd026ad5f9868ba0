package console

import (
	"net/http"
	"slices"

	"github.com/ringfencehq/ringfence/internal/drift"
)

var directions = []drift.Direction{drift.Widened, drift.Unknown, drift.Narrowed, drift.Neutral}

// drift lists what is not as it was accepted, what widened first.
func (c *Console) drift(w http.ResponseWriter, r *http.Request) {
	p := c.posture(w, r)
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
		for _, d := range directions {
			own.Counts = append(own.Counts, count{string(d), p.Drift.Summary[d]})
		}
	}
	c.render(w, r, "drift", "Drift", own)
}
