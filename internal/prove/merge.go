package prove

import (
	"fmt"

	"github.com/ringfencehq/ringfence/internal/attack"
	"github.com/ringfencehq/ringfence/internal/reach"
)

// A Contradiction is a cell that logic proved and a probe broke: the tool is wrong somewhere, and says so.
type Contradiction struct {
	Cell  Cell         `json:"cell"`
	Probe attack.Entry `json:"probe"`
}

// Merge lets the probes speak: leaked makes a leak, held makes an unproven cell probed, inconclusive changes nothing. A proved
// cell that leaked is a contradiction, and the cell is a leak all the same. Probes bear on the cell of their own path; those
// without one on the direct cell. What any plain setting gives way to is told with the cell and not counted.
func Merge(cells []Cell, tried []attack.Entry) ([]Cell, []Contradiction) {
	at := map[string]int{}
	for i := range cells {
		at[cells[i].key()] = i
	}
	var wrong []Contradiction
	for _, e := range tried {
		i, ok := at[keyOf(e)]
		if !ok || e.Code == attack.NoPrivilege {
			continue
		}
		c := &cells[i]
		c.Probes = append(c.Probes, Probe{Name: e.Probe, Outcome: string(e.Outcome), Why: e.Why})
		if e.Outcome != attack.Leaked || e.Informational {
			continue
		}
		if c.Verdict == Proved {
			wrong = append(wrong, Contradiction{Cell: *c, Probe: e})
		}
		c.reached(e)
	}
	for i := range cells {
		if cells[i].Verdict == Unproven && held(cells[i].Probes) {
			cells[i].Verdict = Probed
			cells[i].Why = "not decided by logic (" + cells[i].Why + "); every probe held"
		}
	}
	return cells, wrong
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

func keyOf(e attack.Entry) string {
	c := Cell{Role: e.Role, Relation: e.Table, Command: e.Command, Variant: e.Variant, Kind: e.Kind}
	for _, h := range e.Path {
		c.Path = append(c.Path, reach.Hop(h))
	}
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
