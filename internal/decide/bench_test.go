package decide

import "testing"

// BenchmarkPredicates decides the oracle's predicates, each of its own shape.
func BenchmarkPredicates(b *testing.B) {
	o := newOracle(b)
	all := o.generate(b, 1000, map[string]int{})
	b.ResetTimer()
	for b.Loop() {
		d := New(o.model)
		for _, p := range all {
			o.decide(d, p)
		}
	}
}
