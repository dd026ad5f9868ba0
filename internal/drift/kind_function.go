package drift

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/ringfencehq/ringfence/internal/catalog"
	"github.com/ringfencehq/ringfence/internal/prove"
)

// read are the languages in which package reach follows a function's ways.
var read = []string{"sql", "plpgsql"}

// function judges a function that came, went or does something else. Ways that lead through it, and what policies say by it,
// are in the cells; what they do not tell is unknown: another language, or cells that were open and still are.
func (j *judging) function(old, x *item) (Direction, string) {
	if x == nil {
		return Neutral, "what is not there gives nobody a way"
	}
	f := x.value.(*catalog.Function)
	if !slices.Contains(read, f.Language) {
		return Unknown, "what a function in " + f.Language + " does is not followed"
	}
	if old == nil {
		return Neutral, "no way to another tenant's rows leads through it"
	}
	open := func(c prove.Cell) bool { return c.Verdict != prove.Proved }
	if slices.ContainsFunc(j.was, open) && slices.ContainsFunc(j.is, open) {
		return j.openBy()
	}
	return Neutral, "every way that there is was and stays proved"
}

// openBy judges a function where some ways are open before and after: it may open them further if they depend on it.
func (j *judging) openBy() (Direction, string) {
	for i := range j.is {
		c := &j.is[i]
		r := j.after.m.Snapshot.Relation(c.Relation)
		if c.Verdict == prove.Proved || r == nil {
			continue
		}
		if len(c.Path) > 0 {
			return Unknown, "ways through other objects are open as before, and whether they lead further by it is not known"
		}
		if callsCode(r) {
			return Unknown, "policies that call functions leave ways open as before, and whether they leave more is not known"
		}
	}
	return Neutral, "no open way depends on it"
}

var called = regexp.MustCompile(`funcid (\d+)`)

// firstUserOID is the first that PostgreSQL gives to what users make.
const firstUserOID = 16384

// callsCode reports whether the relation's policies call functions that users made, whichever: one may call another.
func callsCode(r *catalog.Relation) bool {
	for _, p := range r.Policies {
		for _, t := range []*catalog.Tree{p.Using, p.Check} {
			if t == nil {
				continue
			}
			for _, m := range called.FindAllStringSubmatch(t.Node, -1) {
				if oid, err := strconv.ParseUint(m[1], 10, 32); err != nil || oid >= firstUserOID {
					return true
				}
			}
		}
	}
	return false
}
