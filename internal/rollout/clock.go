package rollout

import (
	"context"
	"time"
)

// A Clock is all that this package knows of the time, so that a soak of a day can be tested in seconds.
type Clock interface {
	Now() time.Time
	// Wait returns when d is over, or with the context's error.
	Wait(ctx context.Context, d time.Duration) error
}

// SystemClock is the machine's.
type SystemClock struct{}

// Now is the time.
func (SystemClock) Now() time.Time { return time.Now() }

// Wait waits.
func (SystemClock) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
