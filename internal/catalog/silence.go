package catalog

import (
	"context"
	"errors"
	"time"
)

// grace is how much longer than its own limit a server is waited for: it ends a query that takes too long by itself, and one that
// does not has gone mute, or something between has.
const grace = 5 * time.Second

// errMute is the cause of a context that ended in silence.
var errMute = errors.New("the server has gone mute")

// listening returns a context that ends when nothing was heard for so long. heard takes note of a sign of life.
func listening(ctx context.Context, limit time.Duration) (out context.Context, heard, end func()) {
	out, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(limit, func() { cancel(errMute) })
	return out, func() { timer.Reset(limit) }, func() { timer.Stop(); cancel(nil) }
}
