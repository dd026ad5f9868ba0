package drift

import (
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Compare says what is not as it was accepted. Both models must rest on the same configuration. Neither is changed.
func Compare(accepted, present *tenancy.Model) Result {
	if alike(accepted.Snapshot, present.Snapshot) {
		return Result{}
	}
	before, after := inventoryOf(accepted), inventoryOf(present)
	now := time.Time{} // what is accepted as a leak stays a leak: the change is what counts
	j := &judging{before: before, after: after, was: prove.Logic(accepted, now), is: prove.Logic(present, now)}
	j.effects = effectsOf(j.was, j.is)
	r := Result{Changes: j.changes()}
	r.sort()
	return r
}

// A judging is one comparison: both states, and what logic says of both.
type judging struct {
	before, after *inventory
	was, is       []prove.Cell
	effects       []Effect
}

func (j *judging) changes() []Change {
	var out []Change
	for key, x := range j.after.items {
		old := j.before.items[key]
		if old == nil {
			out = append(out, j.change(nil, x)...)
		} else if old.hash != x.hash {
			out = append(out, j.change(old, x)...)
		}
	}
	for key, x := range j.before.items {
		if j.after.items[key] == nil {
			out = append(out, j.change(x, nil)...)
		}
	}
	return j.explain(out)
}

// change makes the change from old to x; either may be nil. What hangs on a relation that came or went is the relation's change.
func (j *judging) change(old, x *item) []Change {
	some, what := x, "changed"
	switch {
	case old == nil:
		what = "added"
	case x == nil:
		some, what = old, "removed"
	}
	if some.kind != "relation" && some.relation != "" && what != "changed" && (j.before.relationOf(some) == nil || j.after.relationOf(some) == nil) {
		return nil
	}
	if strings.HasPrefix(some.object, "function ") && some.kind != "function" && what != "changed" && j.lone(strings.TrimPrefix(some.object, "function ")) {
		return nil
	}
	if some.kind == "grant" && what != "changed" && (j.before.owns(some) || j.after.owns(some)) {
		return nil // what was granted is the owner's own: the owner is the change
	}
	c := Change{Kind: some.kind, Object: some.object, Change: what, Role: some.role, Command: some.command, relation: some.relation}
	if old != nil {
		c.Before = old.text
	}
	if x != nil {
		c.After = x.text
	}
	c.Direction, c.Why = j.judge(old, x)
	return []Change{c}
}

// lone reports whether the function is in one of the states only: its grants and owner are part of its coming and going.
func (j *judging) lone(function string) bool {
	key := (&item{kind: "function", object: function}).key()
	return j.before.items[key] == nil || j.after.items[key] == nil
}

// owns reports whether the grantee owns the object.
func (v *inventory) owns(grant *item) bool {
	o := v.items[(&item{kind: "owner", object: grant.object}).key()]
	return o != nil && o.hash == grant.role
}

func (v *inventory) relationOf(x *item) *item {
	return v.items[(&item{kind: "relation", object: x.relation}).key()]
}

// explain gives every effect to the changes that it can come from, and lets logic decide where it can. An effect that no
// change explains is a change of its own.
func (j *judging) explain(changes []Change) []Change {
	given := make([]bool, len(j.effects))
	granted := grantsBear(changes, j.effects)
	for i := range changes {
		for n, e := range j.effects {
			if granted[n] && (changes[i].Kind == "column" || changes[i].Kind == "constraint" || changes[i].Kind == "index") {
				continue
			}
			if bears(&changes[i], &e) {
				given[n] = true
				changes[i].Effects = append(changes[i].Effects, e)
			}
		}
	}
	j.giveRest(changes, given)
	for i := range changes {
		j.settle(&changes[i])
	}
	for n, e := range j.effects {
		if !given[n] {
			changes = append(changes, Change{Kind: "way", Object: e.Relation, Change: "changed", Direction: e.Direction, Role: e.Role, Command: e.Command,
				Before: e.Before, After: e.After, Why: "no single object explains it: " + e.Why, Effects: []Effect{e}})
		}
	}
	return changes
}

// giveRest gives what is left to what has no relation of its own and can change what expressions mean, or who may be whom.
func (j *judging) giveRest(changes []Change, given []bool) {
	for n, e := range j.effects {
		if given[n] {
			continue
		}
		for i := range changes {
			switch changes[i].Kind {
			case "function", "type", "operator", "membership", "role", "setting", "collation", "cast", "context":
				changes[i].Effects = append(changes[i].Effects, e)
				given[n] = true
			}
		}
	}
}

// grantsBear says which effects come from a grant on their relation: what changed of its columns, constraints and indexes has not
// opened them then.
func grantsBear(changes []Change, effects []Effect) []bool {
	out := make([]bool, len(effects))
	for n := range effects {
		out[n] = slices.ContainsFunc(changes, func(c Change) bool {
			return c.Kind == "grant" && c.relation == effects[n].Relation && bears(&c, &effects[n])
		})
	}
	return out
}

// bears reports whether the effect can come from the change by what both name.
func bears(c *Change, e *Effect) bool {
	if c.Kind == "index" && e.Kind == "isolation" {
		return false // an index filters nothing; what a unique one tells is inference
	}
	if c.Change == "removed" && c.Kind == "grant" && e.After != absent {
		return false // a privilege less opens nothing
	}
	if c.Kind == "grant" && c.Role != e.Role && c.Role != "PUBLIC" {
		return false
	}
	if c.Kind == "role" || c.Kind == "membership" || c.Kind == "application" {
		if c.Role == e.Role {
			return true
		}
	}
	if c.relation != "" && c.relation == e.Relation {
		return c.Kind != "grant" || c.Command == e.Command
	}
	for _, h := range e.Path {
		object := strings.TrimPrefix(c.Object, "function ")
		if h.Name != "" && (h.Name == object || h.Name == c.relation || strings.HasPrefix(object, h.Name+"(")) {
			return true
		}
	}
	return false
}
