package audit

import (
	"strconv"
	"strings"
	"testing"
)

// Every number of the catalogue of 150 rules is some rule's, or is left out for a reason; none is both.
func TestCatalogueIsCovered(t *testing.T) {
	by := map[int]string{}
	for _, r := range Rules() {
		for _, word := range strings.FieldsFunc(r.Source, func(c rune) bool { return c == ',' || c == ';' }) {
			if n, err := strconv.Atoi(strings.TrimSpace(word)); err == nil {
				by[n] = r.Name
			}
		}
	}
	for n := 1; n <= 150; n++ {
		reason, out := leftOut[n]
		if _, ok := by[n]; ok == out {
			t.Errorf("%d: rule %q, left out %q", n, by[n], reason)
		}
		if out && len(reason) < 20 {
			t.Errorf("%d is left out without a reason", n)
		}
	}
}
