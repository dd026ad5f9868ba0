package attack

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

// TestMatching draws texts for patterns and has a regular expression engine judge them; what is not understood is said.
func TestMatching(t *testing.T) {
	v := &values{random: rand.New(rand.NewPCG(1, 2))}
	for _, p := range []string{`^[A-Z]{2,4}-\d{3}$`, `^(a|bc)+x?$`, `^[^@\s]+@[^@\s]+\.[a-z]{2,}$`, `^\+?[0-9]{7,15}$`, `^$`, `.*`, `^[[:alpha:]_]\w*$`} {
		for range 50 {
			s, ok := v.matching(p)
			if !ok || !regexp.MustCompile(p).MatchString(s) {
				t.Errorf("%s: drew %q, %v", p, s, ok)
			}
		}
	}
	for _, p := range []string{`(`, `a(?=b)`, `(a)\1`} {
		if s, ok := v.matching(p); ok {
			t.Errorf("%s: drew %q from a pattern that is not understood", p, s)
		}
	}
}
