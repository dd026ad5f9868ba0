package prove

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/reach"
	"github.com/ringfencehq/ringfence/internal/tenancy"
)

// A Contradiction is a cell that logic proved and a probe broke: the tool is wrong somewhere, and says so.
// What it takes to see it again elsewhere is with it: the server's version, the table with its policies, grants, constraints and
// triggers, and the functions that these name. No row of anybody's: what was made for the probe only.
type Contradiction struct {
	Cell       Cell                `json:"cell"`
	Probe      attack.Entry        `json:"probe"`
	Server     int                 `json:"server_version_num"`
	Definition *catalog.Relation   `json:"definition"`
	Functions  []*catalog.Function `json:"functions"`
}

// Merge lets the probes speak: leaked makes a leak, held makes an unproven cell probed, inconclusive changes nothing. A proved
// cell that leaked is a contradiction, and the cell is a leak all the same. Probes bear on the cell of their own path; those
// without one on the direct cell. What any plain setting gives way to is told with the cell and not counted.
func Merge(m *tenancy.Model, cells []Cell, tried []attack.Entry, now time.Time) ([]Cell, []Contradiction) {
	at := map[string]int{}
	for i := range cells {
		at[cells[i].key()] = i
	}
	var wrong []Contradiction
	for _, e := range tried {
		i, ok := at[keyOf(e)]
		if e.Code == attack.NoPrivilege || !ok && (e.Outcome != attack.Leaked || e.Informational) {
			continue
		}
		if !ok { // a way that logic does not list: a bug of the server, a channel beside the policies
			i, at[keyOf(e)] = len(cells), len(cells)
			cells = append(cells, cellOfEntry(e))
		}
		c := &cells[i]
		c.Probes = append(c.Probes, Probe{Name: e.Probe, Outcome: string(e.Outcome), Why: e.Why})
		if e.Outcome != attack.Leaked || e.Informational {
			continue
		}
		if c.Verdict == Proved {
			wrong = append(wrong, contradiction(m, *c, e))
		}
		c.reached(e)
	}
	for i := range cells {
		if cells[i].Verdict == Unproven && held(cells[i].Probes) {
			cells[i].Verdict = Probed
			cells[i].Why = "not decided by logic (" + cells[i].Why + "); every probe held"
		}
	}
	slices.SortFunc(cells, compare)
	for i := range cells {
		cells[i].Accepted = acceptance(m, &cells[i], now)
	}
	return cells, wrong
}

// contradiction puts together what a report of one needs.
func contradiction(m *tenancy.Model, c Cell, e attack.Entry) Contradiction {
	out := Contradiction{Cell: c, Probe: e, Server: m.Snapshot.Server.VersionNum, Definition: m.Snapshot.Relation(c.Relation), Functions: []*catalog.Function{}}
	if out.Definition == nil {
		return out
	}
	var text strings.Builder
	for _, p := range out.Definition.Policies {
		for _, t := range []*catalog.Tree{p.Using, p.Check} {
			if t != nil {
				text.WriteString(t.Text + "\n")
			}
		}
	}
	for _, g := range out.Definition.Triggers {
		text.WriteString(g.Function + "\n")
	}
	for i := range m.Snapshot.Functions {
		if f := &m.Snapshot.Functions[i]; !f.System && f.Extension == "" && strings.Contains(text.String(), f.Name) {
			out.Functions = append(out.Functions, f)
		}
	}
	return out
}

// reached makes the cell a leak that a probe executed.
func (c *Cell) reached(e attack.Entry) {
	c.Verdict, c.Why = Leak, fmt.Sprintf("the probe %s reached the other tenant's row", e.Probe)
	c.Witness = &Witness{Row: map[string]*string{}, Context: map[string]*string{}, Statement: e.Statement, Executed: "rows"}
	if e.Witness == nil {
		return
	}
	c.Witness.Row = e.Witness.Row
	for name, value := range e.Witness.Context {
		c.Witness.Context[name] = &value
	}
}

// cellOfEntry is the cell that a probe speaks of.
func cellOfEntry(e attack.Entry) Cell {
	c := Cell{Role: e.Role, Relation: e.Table, Command: e.Command, Variant: e.Variant, Kind: e.Kind, Path: []reach.Hop{}, Verdict: Unproven}
	for _, h := range e.Path {
		c.Path = append(c.Path, reach.Hop(h))
	}
	return c
}

func keyOf(e attack.Entry) string {
	c := cellOfEntry(e)
	return c.key()
}

// held reports whether probes ran and none was inconclusive.
func held(probes []Probe) bool {
	for _, p := range probes {
		if p.Outcome != string(attack.Held) {
			return false
		}
	}
	return len(probes) > 0
}

// Uncloned takes out of what was tried on a copy all that speaks of objects which the copy does not have as the source has them,
// or whose way leads through one, and names these: their cells stay as logic left them.
func Uncloned(tried *attack.Result, missing []string) {
	if len(missing) == 0 {
		return
	}
	gone := func(name string) bool {
		return slices.ContainsFunc(missing, func(m string) bool { return name == m || strings.HasSuffix(name, " on "+m) })
	}
	tried.Entries = slices.DeleteFunc(tried.Entries, func(e attack.Entry) bool {
		return gone(e.Table) || slices.ContainsFunc(e.Path, func(h attack.Hop) bool { return gone(h.Name) })
	})
	for _, name := range missing {
		tried.Notes = append(tried.Notes, "unproven by attack: "+name+" could not be copied as it is; what it needs is not on this machine")
	}
}
