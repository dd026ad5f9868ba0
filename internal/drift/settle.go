package drift

import "slices"

func sorted(s []string) []string { slices.Sort(s); return s }

// byLogic are the kinds whose direction logic decides where it sees every way that they bear on. The others are a change of
// rights, whatever the verdicts: a privilege more is more even where every way by it is proved.
var byLogic = []string{"policy", "rule", "trigger", "function", "relation", "column", "constraint", "index", "type", "operator", "cast", "collation"}

// settle decides the change's direction from its kind and its effects.
func (j *judging) settle(c *Change) {
	byEffects := Neutral
	for _, e := range c.Effects {
		byEffects = worst(byEffects, e.Direction)
	}
	if !slices.Contains(byLogic, c.Kind) {
		if worst(byEffects, c.Direction) != c.Direction {
			c.Direction, c.Why = byEffects, "ways by it have another verdict"
		}
		return
	}
	if byEffects == Widened || byEffects == Unknown {
		c.Direction, c.Why = worst(c.Direction, byEffects), "ways by it have another verdict"
		return
	}
	if firm(c) {
		return
	}
	switch any, all := j.proved(c); {
	case any && all && byEffects == Narrowed:
		c.Direction, c.Why = Narrowed, "ways by it are closed, and every one that is left is proved"
	case any && all:
		c.Direction, c.Why = Neutral, "every way by it was and stays proved"
	case any && byEffects == Narrowed && c.Direction == Unknown:
		c.Why = "some ways by it are closed, and of those that are not it is not known whether they reach more"
	}
}

// firm reports whether the kind of change counts by itself: a new tenant table without row security is a widening even where no
// role of the application reaches it yet, a guard that is gone stays gone.
func firm(c *Change) bool {
	switch c.Kind {
	case "relation":
		return c.Direction != Neutral || c.Change == "removed"
	case "trigger":
		return c.Direction == Widened
	}
	return false
}
