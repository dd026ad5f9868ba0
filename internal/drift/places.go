package drift

import (
	"strings"

	"github.com/ringfencehq/ringfence/internal/migrations"
)

// placeWords are what a statement says that makes the kind of change, where the object's own name does not tell it from others.
var placeWords = map[string][]string{
	"row_security": {"row level security"},
	"owner":        {"owner to", "create"},
}

// Locate gives each change the statement of the migrations that last bore on its object, and adds the statements that did not
// run: whatever they promise is unknown.
func (r *Result) Locate(run *migrations.Run) {
	for i := range r.Changes {
		c := &r.Changes[i]
		object := c.Object
		if c.Kind != "grant" {
			object = strings.TrimPrefix(object, "function ")
		}
		if p, ok := run.Place(c.Kind, object, c.relation, placeWords[c.Kind]...); ok {
			c.Place = &p
		}
	}
	for _, f := range run.Failed {
		r.Changes = append(r.Changes, Change{Kind: "migration", Object: f.File, Change: "failed", Direction: Unknown, Place: &f.Place,
			Why: "the statement did not run, and what it promises is not known: " + f.Why})
	}
	r.sort()
}
