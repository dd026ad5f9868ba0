//go:build system

package cli

import (
	"testing"
	"time"
)

// TestSystemRolloutRoad is the whole road with the soak that the reference asks for: a day, by the clock that is passed in. Returns are held
// to the five minutes that severity 1 is given.
func TestSystemRolloutRoad(t *testing.T) { rolloutRoad(t, 24*time.Hour, true) }

// TestSystemRollbackScenarios holds the four scenarios to the times that the reference allows.
func TestSystemRollbackScenarios(t *testing.T) {
	t.Run("database and application", func(t *testing.T) { rollbackScenarios(t, true) })
	t.Run("trail", func(t *testing.T) { trailDrains(t, true) })
}
