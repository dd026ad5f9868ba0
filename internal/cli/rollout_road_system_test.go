//go:build system

package cli

import (
	"testing"
	"time"
)

// TestSystemRolloutRoad is the whole road with the soak that the reference asks for: a day, by the clock that is passed in.
func TestSystemRolloutRoad(t *testing.T) { rolloutRoad(t, 24*time.Hour) }
