//go:build system

package plan

import (
	"fmt"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// TestSystemLawOnEveryVersion holds the kinds to the law on the versions that TestLaw has not seen.
func TestSystemLawOnEveryVersion(t *testing.T) {
	for _, version := range []int{14, 16, 17, 18} {
		t.Run(fmt.Sprint(version), func(t *testing.T) { lawOn(t, pgtest.Server(t, version)) })
	}
}
