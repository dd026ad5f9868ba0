// Package drift compares a database with the state that somebody accepted, and says of every change whether it lets a role
// reach more rows of other tenants (widened), fewer (narrowed), the same (neutral), or whether nobody can tell (unknown).
//
// Two judges speak. Where the logic of package prove has cells that a change can bear on, their verdicts before and after
// decide; where it has none (a role that is not the application's, a grant, an owner), the kind of change does. To add a kind
// of object: list it in items.go, and its judgement in kinds.go.
package drift

import (
	"cmp"
	"slices"

	"github.com/ringfencehq/ringfence/internal/migrations"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// Direction says what a change does to tenants' isolation.
type Direction string

// The directions, worst first. Unknown is not good news.
const (
	Widened  Direction = "widened"
	Unknown  Direction = "unknown"
	Narrowed Direction = "narrowed"
	Neutral  Direction = "neutral"
)

var order = []Direction{Widened, Unknown, Narrowed, Neutral}

func worst(a, b Direction) Direction {
	if slices.Index(order, a) < slices.Index(order, b) {
		return a
	}
	return b
}

// A Change is one object that is not as it was accepted.
type Change struct {
	Kind      string    `json:"kind"` // policy, grant, owner, role, membership, …
	Object    string    `json:"object"`
	Change    string    `json:"change"` // added, removed, changed
	Direction Direction `json:"direction"`
	Role      string    `json:"role,omitempty"`    // whose reach it changes, where it is one role's
	Command   string    `json:"command,omitempty"` // or privilege, where it is one's
	Before    string    `json:"before,omitempty"`
	After     string    `json:"after,omitempty"`
	Why       string    `json:"why"`
	Effects   []Effect  `json:"effects"`

	Place *migrations.Place `json:"place,omitempty"` // the statement that made it, where migrations were compared

	relation string // the identity of the relation it is on; empty: none
}

// An Effect is one way of one role to one relation whose verdict is another than it was.
type Effect struct {
	Direction Direction   `json:"direction"`
	Role      string      `json:"role"`
	Relation  string      `json:"relation"`
	Command   string      `json:"command"`
	Variant   string      `json:"variant"`
	Kind      string      `json:"kind"` // isolation, inference
	Path      []reach.Hop `json:"path"`
	Before    string      `json:"before"` // the verdict; absent: there was no such way
	After     string      `json:"after"`
	Why       string      `json:"why"`
	Witness   *Witness    `json:"witness"`
}

// A Witness is the row and the context that show a leak of the present state.
type Witness struct {
	Row       map[string]*string `json:"row"`
	Context   map[string]*string `json:"context"`
	Statement string             `json:"statement"`
}

// A Result is all that changed, worst first.
type Result struct {
	Changes []Change
}

// Count returns how many changes have each direction; all four are in it.
func (r Result) Count() map[Direction]int {
	out := map[Direction]int{Widened: 0, Unknown: 0, Narrowed: 0, Neutral: 0}
	for _, c := range r.Changes {
		out[c.Direction]++
	}
	return out
}

// Clean reports whether nothing widened and nothing is unknown.
func (r Result) Clean() bool {
	n := r.Count()
	return n[Widened] == 0 && n[Unknown] == 0
}

func (r Result) sort() {
	for i := range r.Changes {
		slices.SortStableFunc(r.Changes[i].Effects, func(a, b Effect) int {
			return cmp.Compare(slices.Index(order, a.Direction), slices.Index(order, b.Direction))
		})
		if r.Changes[i].Effects == nil {
			r.Changes[i].Effects = []Effect{}
		}
	}
	slices.SortFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Direction), slices.Index(order, b.Direction)), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Command, b.Command), cmp.Compare(a.Change, b.Change))
	})
}
