//go:build system

package rights_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemOracleVersions is TestOracle on every version of the server.
func TestSystemOracleVersions(t *testing.T) {
	for _, version := range []int{14, 15, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Server(t, version)
			for seed := range uint64(graphs) {
				compare(t, server.DB(t), rand.New(rand.NewPCG(seed, uint64(version))))
			}
		})
	}
}
