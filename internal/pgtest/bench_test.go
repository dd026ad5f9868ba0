package pgtest_test

import (
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// BenchmarkDB says what a database costs each test.
func BenchmarkDB(b *testing.B) {
	for b.Loop() {
		pgtest.DB(b)
	}
}
