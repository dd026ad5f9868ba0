package drift

import (
	"github.com/ringfencehq/ringfence/internal/prove"
)

// A wayKey names one way of one role.
type wayKey struct{ role, relation, command, variant, kind, path string }

func wayOf(c *prove.Cell) wayKey {
	k := wayKey{role: c.Role, relation: c.Relation, command: c.Command, variant: c.Variant, kind: c.Kind}
	for _, h := range c.Path {
		k.path += h.Via + "\x00" + h.Name + "\x00"
	}
	return k
}

// absent stands for the verdict of a way that there is not.
const absent = "absent"

// effectsOf compares the cells of both states, in the order of the present ones and then of those that went.
func effectsOf(before, after []prove.Cell) []Effect {
	was := make(map[wayKey]*prove.Cell, len(before))
	for i := range before {
		was[wayOf(&before[i])] = &before[i]
	}
	is := make(map[wayKey]bool, len(after))
	read := readable(before)
	var out []Effect
	for i := range after {
		c := &after[i]
		k := wayOf(c)
		is[k] = true
		old := was[k]
		if old != nil && old.Verdict == c.Verdict {
			continue
		}
		e := effect(c, absent, string(c.Verdict))
		if old != nil {
			e.Before = string(old.Verdict)
		}
		e.Direction, e.Why = direction(e.Before, e.After), c.Why
		if c.Kind == "inference" && e.Direction == Widened && read[[2]string{c.Role, c.Relation}] {
			e.Direction, e.Why = Neutral, "what can be guessed now could be read before"
		}
		if c.Verdict == prove.Leak && c.Witness != nil {
			e.Witness = &Witness{Row: c.Witness.Row, Context: c.Witness.Context, Statement: c.Witness.Statement}
		}
		out = append(out, e)
	}
	for i := range before {
		if c := &before[i]; !is[wayOf(c)] {
			e := effect(c, string(c.Verdict), absent)
			e.Direction, e.Why = Narrowed, "the role has no such way any more"
			out = append(out, e)
		}
	}
	return out
}

// readable lists whose rows which role could read outright: such a role had nothing to guess.
func readable(cells []prove.Cell) map[[2]string]bool {
	out := map[[2]string]bool{}
	for i := range cells {
		if c := &cells[i]; c.Kind == "isolation" && c.Command == "SELECT" && c.Verdict == prove.Leak {
			out[[2]string{c.Role, c.Relation}] = true
		}
	}
	return out
}

func effect(c *prove.Cell, before, after string) Effect {
	return Effect{Role: c.Role, Relation: c.Relation, Command: c.Command, Variant: c.Variant, Kind: c.Kind, Path: c.Path, Before: before, After: after}
}

// direction judges two verdicts that differ. A new way that is proved reaches the session's own rows only.
func direction(before, after string) Direction {
	switch prove.Verdict(after) {
	case prove.Leak:
		return Widened
	case prove.Unproven:
		return Unknown
	}
	if before == absent {
		return Neutral
	}
	return Narrowed
}
