//go:build !linux && !darwin

package pg

import (
	"context"
	"runtime"
)

// StartEmbedded is not possible on this system, and says so.
func StartEmbedded(context.Context, EmbeddedOptions) (*Embedded, error) {
	return nil, &Error{
		Doing: "starting an embedded server: not possible on " + runtime.GOOS,
		Hint:  "Use a PostgreSQL server of your own and give its connection string.",
	}
}

// Stop has nothing to stop.
func (e *Embedded) Stop() error { return nil }
