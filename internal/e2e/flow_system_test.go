//go:build system

package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/ringfencehq/ringfence/internal/pgtest"
)

// The versions of PostgreSQL that Ringfence is for.
var versions = []int{14, 15, 16, 17, 18}

// TestSystemFlowOnEveryVersion goes the whole way on each major version.
func TestSystemFlowOnEveryVersion(t *testing.T) {
	for _, version := range versions {
		for _, s := range []system{shop, center} {
			t.Run(fmt.Sprintf("%d_%s", version, s.name), func(t *testing.T) {
				flow(t, pgtest.Server(t, version), s)
			})
		}
	}
}

// TestSystemDemoOnYoungest runs the demo on the youngest version.
func TestSystemDemoOnYoungest(t *testing.T) {
	run(t, 0, home, append(small, "--postgres", "18")...)
}

// TestSystemKilledInCallCenter kills the program at many boundaries of reference system B: at all of them in full size.
func TestSystemKilledInCallCenter(t *testing.T) {
	g := prepare(t, center)
	points := g.points()
	if !long() {
		points = spread(points, 6)
	}
	g.killAll(t, points)
}

// spread takes n of the points, evenly, the first and the last among them.
func spread(points []point, n int) []point {
	if n >= len(points) {
		return points
	}
	var out []point
	for i := range n {
		out = append(out, points[i*(len(points)-1)/(n-1)])
	}
	return slices.Compact(out)
}

// long tells whether the tests run at full size.
func long() bool { return os.Getenv("RINGFENCE_LONG") != "" }
