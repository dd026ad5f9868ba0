//go:build system

package impact_test

import (
	"fmt"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemObserveVersions holds the observation to the same counts on every major version.
func TestSystemObserveVersions(t *testing.T) {
	for _, version := range []int{14, 15, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			server := pgtest.Server(t, version)
			t.Run("causes", func(t *testing.T) { observeOn(t, server.DB(t)) })
			t.Run("claims", func(t *testing.T) { claimsOn(t, server.DB(t)) })
		})
	}
}
