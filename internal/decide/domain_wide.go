package decide

import (
	"slices"
	"strconv"
)

// The values that a guess tries beside a group's own: they share with it what arithmetic, bits, digits and parts of texts may look at.

// nearNumbers are numbers that the first of the group's may be taken for.
func (g *group) nearNumbers() []string {
	n, err := strconv.ParseInt(g.numbers[0], 10, 32)
	if err != nil {
		return nil
	}
	out := []string{"0", "1", "-1", "16777216", "16777217"} // the last two are one as real numbers
	for _, m := range []int64{-n, n - 1, n + 1, 2 * n, 10*n + 1, n / 10, n % 10, n + 1<<8, n + 1<<16} {
		if s := strconv.FormatInt(m, 10); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// marked are the group's names with each constant behind and before them.
func (g *group) marked() []string {
	var out []string
	for _, names := range g.families() {
		for _, c := range g.consts {
			if c.k != kindText || c.s == "" || len(c.s) > 32 {
				continue
			}
			for _, sep := range []string{":", ",", "|", "/", "."} {
				out = append(out, names[0]+sep+c.s, c.s+sep+names[0])
			}
		}
	}
	return out
}
