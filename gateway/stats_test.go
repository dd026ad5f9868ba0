package gateway

import (
	"sync/atomic"

	ringfence "github.com/ringfencehq/ringfence"
)

// unrecorded counts what the trail lost.
type unrecorded struct {
	noStats
	n atomic.Int64
}

func (u *unrecorded) Unrecorded(ringfence.EventType) { u.n.Add(1) }
