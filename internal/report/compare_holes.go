package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ringfencehq/ringfence/internal/prove"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// A Hole is a class of ways to other tenants' rows: by what they lead over.
type Hole struct {
	Class    string   `json:"class"`
	Commands []string `json:"commands"` // that were open before
	Tables   []string `json:"tables"`
	CVSS     CVSS     `json:"cvss"`  // of what was open before
	After    CVSS     `json:"after"` // of what is open now
	Before   int      `json:"open_before"`
	Open     int      `json:"open_after"`
	Proved   int      `json:"proved"`   // of those open before, closed now by logic
	Probed   int      `json:"probed"`   // closed now as far as an attack shows
	Gone     int      `json:"gone"`     // the way does not exist any more
	Accepted int      `json:"accepted"` // open on purpose now
	Example  string   `json:"example"`  // one way, and what it gave
}

// holeOf names the class of a way, by what it leads over.
func holeOf(c *prove.Cell) string {
	if c.Kind == reach.Inference {
		return "guessing what others hold"
	}
	for _, h := range c.Path {
		if words := holeWords[h.Via]; words != "" {
			return words
		}
	}
	return "directly, by the table itself"
}

var holeWords = map[string]string{
	"view": "over a view", "matview": "over a materialized view", "function": "over a function", "trigger": "over a trigger", "rule": "over a rule",
	"default": "over a column's default", "partition": "past the parent, by a partition", "parent": "by a parent table", "foreign_table": "over a foreign table",
	"publication": "by replication", "constraint": "over a constraint", "set_role": "as another role", "owner": "as the owner",
}

// cellKey tells one way from another in two documents. The application's role may have changed between them, which closes what the
// old one could do; roles are left out so that the ways of the new one stand in their place.
func cellKey(c *prove.Cell) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\x00%s\x00%s\x00%s", c.Relation, c.Command, c.Variant, c.Kind)
	for _, h := range c.Path {
		fmt.Fprintf(&b, "\x00%s %s", h.Via, h.Name)
	}
	return b.String()
}

func (d *Compare) holes(before, after *Prove) {
	now := map[string]*prove.Cell{}
	for i := range after.Cells {
		c := &after.Cells[i]
		if old := now[cellKey(c)]; old == nil || prove.Worse(c.Verdict, old.Verdict) {
			now[cellKey(c)] = c
		}
	}
	by := map[string]*Hole{}
	hole := func(c *prove.Cell) *Hole {
		class := holeOf(c)
		if by[class] == nil {
			by[class] = &Hole{Class: class, Commands: []string{}, Tables: []string{}}
		}
		return by[class]
	}
	was, is := map[string][]*prove.Cell{}, map[string][]*prove.Cell{}
	for i := range before.Cells {
		c := &before.Cells[i]
		if c.Accepted != nil || !isOpen(*c) {
			continue
		}
		h := hole(c)
		h.Before++
		h.Commands, h.Tables = append(h.Commands, c.Command), append(h.Tables, c.Relation)
		h.Example = cmp.Or(h.Example, cellText(*c))
		was[h.Class] = append(was[h.Class], c)
		switch n := now[cellKey(c)]; {
		case n == nil:
			h.Gone++
		case n.Verdict == prove.Proved:
			h.Proved++
		case n.Verdict == prove.Probed:
			h.Probed++
		}
	}
	for i := range after.Cells {
		c := &after.Cells[i]
		if !isOpen(*c) && c.Accepted == nil {
			continue
		}
		h := hole(c)
		if c.Accepted != nil {
			h.Accepted++
			continue
		}
		h.Open++
		is[h.Class] = append(is[h.Class], c)
	}
	for class, h := range by {
		h.Commands, h.Tables = unique(h.Commands), unique(h.Tables)
		h.CVSS, h.After = worst(was[class]), worst(is[class])
		d.Holes = append(d.Holes, *h)
		s := &d.Summary
		s.OpenBefore, s.OpenAfter, s.Accepted = s.OpenBefore+h.Before, s.OpenAfter+h.Open, s.Accepted+h.Accepted
		s.Closed += h.Proved + h.Probed + h.Gone
		s.WorstBefore, s.WorstAfter = max(s.WorstBefore, h.CVSS.Score), max(s.WorstAfter, h.After.Score)
	}
	slices.SortFunc(d.Holes, func(a, b Hole) int {
		return cmp.Or(-cmp.Compare(a.CVSS.Score, b.CVSS.Score), -cmp.Compare(a.Before, b.Before), cmp.Compare(a.Class, b.Class))
	})
}

// worst computes the vector of what all of the ways together give.
func worst(cells []*prove.Cell) CVSS {
	c, i, a, guessed := impactNone, impactNone, impactNone, true
	for _, cell := range cells {
		if cell.Kind == reach.Inference {
			if c == impactNone {
				c = impactLow
			}
			continue
		}
		guessed = false
		switch cell.Command {
		case "SELECT", "REFERENCES", "TRIGGER":
			c = impactHigh
		case "INSERT", "UPDATE", "MERGE":
			i = impactHigh
		case "DELETE", "TRUNCATE":
			i, a = impactHigh, impactHigh
		default:
			a = max(a, impactLow)
		}
	}
	return cvss(guessed, c, i, a)
}
