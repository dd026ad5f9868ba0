// Package prove gives a verdict for every cell: every application role × relation × command × variant × path. Three parts
// speak, and must agree: package reach says which ways there are, package decide what logic says of each, package attack what
// a server did when it was tried. A proof that a probe breaks is no verdict but an alarm.
//
// To change what a verdict is made of, change merge.go; the document itself is package report's.
package prove

import (
	"cmp"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence/internal/decide"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// Verdict of a cell.
type Verdict string

// The verdicts (contract.md). Unproven is never green.
const (
	Proved   Verdict = "proved"
	Probed   Verdict = "probed"
	Leak     Verdict = "leak"
	Unproven Verdict = "unproven"
)

// A Cell is one way for one role to one relation's rows, with its verdict, as the contract has it.
type Cell struct {
	Role     string      `json:"role"`
	Relation string      `json:"relation"`
	Command  string      `json:"command"`
	Variant  string      `json:"variant"`
	Kind     string      `json:"kind"`
	Path     []reach.Hop `json:"path"`
	Verdict  Verdict     `json:"verdict"`
	Why      string      `json:"why"`
	Unusable bool        `json:"unusable"`
	Witness  *Witness    `json:"witness"`
	Accepted *Accepted   `json:"accepted"`
	Premises []string    `json:"premises,omitempty"`
	Makes    string      `json:"makes_provable,omitempty"` // of an unproven cell: what would make it provable
	Probes   []Probe     `json:"probes,omitempty"`

	way      *reach.Way
	decision decide.Decision
	decider  *decide.Decider
}

// A Witness is what shows a leak: a row and a context, and how far it was executed: rows, expression, no.
type Witness struct {
	Row       map[string]*string            `json:"row"`
	Context   map[string]*string            `json:"context"`
	Others    map[string]map[string]*string `json:"others,omitempty"`
	Statement string                        `json:"statement"`
	Evaluated string                        `json:"evaluated,omitempty"` // the query by which PostgreSQL evaluated it
	Executed  string                        `json:"executed"`
}

// Accepted says who opened the cell on purpose, why, and until when.
type Accepted struct {
	Reason string `json:"reason"`
	By     string `json:"by"`
	Until  string `json:"until"`
}

// A Probe is what one probe earned on the cell.
type Probe struct {
	Name    string `json:"name"`
	Outcome string `json:"outcome"`
	Why     string `json:"why,omitempty"`
}

// key is what makes two cells the same one.
func (c *Cell) key() string {
	k := c.Role + "\x00" + c.Relation + "\x00" + c.Command + "\x00" + c.Variant + "\x00" + c.Kind
	for _, h := range c.Path {
		k += "\x00" + h.Via + "\x00" + h.Name
	}
	return k
}

// Logic gives every cell its verdict by logic alone. now decides which acceptances still count.
func Logic(m *tenancy.Model, now time.Time) []Cell {
	ways := reach.Ways(m)
	cells := make([]Cell, 0, len(ways))
	d := decide.New(m)
	for i, decision := range d.All(ways) {
		c := cellOf(&ways[i], decision)
		c.decider = d
		cells = append(cells, c)
	}
	return settle(m, cells, now)
}

// settle folds equal cells into the worst of them, sorts, and notes what was accepted.
func settle(m *tenancy.Model, cells []Cell, now time.Time) []Cell {
	at := make(map[string]int, len(cells))
	out := cells[:0]
	for _, c := range cells {
		k := c.key()
		i, seen := at[k]
		if !seen {
			at[k] = len(out)
			out = append(out, c)
			continue
		}
		if Worse(c.Verdict, out[i].Verdict) {
			out[i] = c
		}
	}
	slices.SortFunc(out, compare)
	for i := range out {
		out[i].Accepted = acceptance(m, &out[i], now)
	}
	return out
}

var order = []Verdict{Leak, Unproven, Probed, Proved}

// Worse reports whether a is worse news than b.
func Worse(a, b Verdict) bool { return slices.Index(order, a) < slices.Index(order, b) }

func compare(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Role, b.Role), cmp.Compare(a.Relation, b.Relation), cmp.Compare(a.Command, b.Command),
		cmp.Compare(a.Variant, b.Variant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(len(a.Path), len(b.Path)), cmp.Compare(a.key(), b.key()))
}

func cellOf(w *reach.Way, d decide.Decision) Cell {
	c := Cell{
		Role: w.Role, Relation: w.Relation.Identity(), Command: string(w.Command), Variant: w.Variant, Kind: w.Kind,
		Path: w.Path, Why: d.Why, Unusable: d.Unusable, Premises: d.Premises, way: w, decision: d,
	}
	if c.Path == nil {
		c.Path = []reach.Hop{}
	}
	switch d.Verdict {
	case decide.Proved:
		c.Verdict = Proved
	case decide.Leak:
		c.Verdict = Leak
		c.Witness = &Witness{Executed: "no", Row: map[string]*string{}, Context: map[string]*string{}, Statement: statement(w)}
		if d.Witness != nil {
			c.Witness.Row, c.Witness.Context, c.Witness.Others = d.Witness.Row, d.Witness.Context, d.Witness.Others
		}
	default:
		c.Verdict = Unproven
		c.Makes = remedy(w, d)
	}
	return c
}

// remedy says what would make an unproven cell provable.
func remedy(w *reach.Way, d decide.Decision) string {
	switch {
	case w.Opaque != "":
		return "write it so that it can be read: static SQL instead of a string that is put together, a language that is SQL or PL/pgSQL"
	case d.Reason == decide.Undecidable, d.Reason == decide.SessionState:
		return "compare the tenant key with the context by the = of its type; or run prove --attack, which tries it"
	}
	return "classify the table in ringfence.yaml; or run prove --attack, which tries it"
}

// acceptance returns the entry of ringfence.yaml that opens the cell on purpose, or nil.
func acceptance(m *tenancy.Model, c *Cell, now time.Time) *Accepted {
	if c.Verdict == Proved || c.Verdict == Probed {
		return nil
	}
	for _, a := range m.Accepted {
		until, err := time.Parse(time.DateOnly, a.Until)
		if a.ID != "cell" || err != nil || !now.Before(until.AddDate(0, 0, 1)) {
			continue
		}
		if tenancy.Matches(a.Object, c.Relation) && (a.Role == "" || a.Role == c.Role) && (a.Command == "" || a.Command == c.Command) {
			return &Accepted{Reason: a.Reason, By: a.By, Until: a.Until}
		}
	}
	return serviceFunction(m, c)
}

// serviceFunction accepts what is reached by calling a function that ringfence.yaml names as working without a tenant on purpose,
// and by nothing else: the call is the first thing on the way that is not the role itself.
func serviceFunction(m *tenancy.Model, c *Cell) *Accepted {
	for _, h := range c.Path {
		switch h.Via {
		case "inherit", "set_role":
		case "function":
			if s := m.ServiceFunction(h.Name); s != nil {
				return &Accepted{Reason: s.Reason, By: s.By}
			}
			return nil
		default:
			return nil
		}
	}
	return nil
}

// A Count is how many cells have each verdict; accepted ones keep theirs and are counted apart too.
type Count struct {
	Proved   int `json:"proved"`
	Probed   int `json:"probed"`
	Leak     int `json:"leak"`
	Unproven int `json:"unproven"`
}

// Summary counts the cells of each kind.
func Summary(cells []Cell) (isolation, inference Count, accepted int) {
	for i := range cells {
		n := &isolation
		if cells[i].Kind == reach.Inference {
			n = &inference
		}
		switch cells[i].Verdict {
		case Proved:
			n.Proved++
		case Probed:
			n.Probed++
		case Leak:
			n.Leak++
		case Unproven:
			n.Unproven++
		}
		if cells[i].Accepted != nil {
			accepted++
		}
	}
	return isolation, inference, accepted
}
