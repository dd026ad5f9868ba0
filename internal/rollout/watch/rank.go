package watch

import (
	"cmp"
	"math"
	"slices"
)

// leastRanked is how many rounds each side needs for the rank test to say anything.
const leastRanked = 5

// slower gives the probability that values like these come out if b is not larger than a: the one-sided Mann-Whitney test, by its
// normal approximation with ties. ok is false where a side has too few.
func slower(a, b []float64) (p float64, ok bool) {
	n, m := float64(len(a)), float64(len(b))
	if len(a) < leastRanked || len(b) < leastRanked {
		return 1, false
	}
	type value struct {
		x     float64
		after bool
	}
	all := make([]value, 0, len(a)+len(b))
	for _, x := range a {
		all = append(all, value{x, false})
	}
	for _, x := range b {
		all = append(all, value{x, true})
	}
	slices.SortFunc(all, func(a, b value) int { return cmp.Compare(a.x, b.x) })
	ranks, ties := 0.0, 0.0
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j].x == all[i].x {
			j++
		}
		rank, same := float64(i+j+1)/2, float64(j-i)
		ties += same*same*same - same
		for _, v := range all[i:j] {
			if v.after {
				ranks += rank
			}
		}
		i = j
	}
	u := ranks - m*(m+1)/2
	variance := n * m / 12 * (n + m + 1 - ties/((n+m)*(n+m-1)))
	if variance <= 0 {
		return 1, true
	}
	z := (u - n*m/2 - 0.5) / math.Sqrt(variance)
	return math.Erfc(z/math.Sqrt2) / 2, true
}
