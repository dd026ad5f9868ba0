package gateway

import (
	"time"

	ringfence "github.com/ringfencehq/ringfence"
)

// Direction is where a message comes from.
type Direction uint8

// The directions.
const (
	FromClient Direction = iota
	FromBackend
)

// Directions are the names of all directions, for the labels of metrics.
var Directions = []string{"client", "backend"}

// String returns the direction as metrics and records have it.
func (d Direction) String() string { return Directions[d] }

// CutReason is why a socket was ended by the gateway.
type CutReason uint8

// The reasons.
const (
	CutRefused CutReason = iota // a message was refused
	CutRevoked
	CutExpired
	CutDrained
	CutSilent // no answer to a ping, or a message that does not end
	CutSlow   // a reader that takes nothing
)

// CutReasons are the names of all reasons, for the labels of metrics.
var CutReasons = []string{"refused", "revoked", "expired", "drained", "silent", "slow"}

// String returns the reason as metrics and records have it.
func (r CutReason) String() string { return CutReasons[r] }

// Stats is told what the gateway does, for metrics. Every label of its arguments is from a closed list: Directions,
// CutReasons, ringfence.EventTypes. Implementations are safe for concurrent use, cost little and never block: Forwarded is
// called for every batch of messages.
type Stats interface {
	Sockets(delta int)                                // opened, closed
	Requests()                                        // a plain request was let through
	Forwarded(d Direction, messages, bytes int)       // a batch was judged and passed on
	Dropped(d Direction)                              // a message was left out, as the rules ask
	Judged(d time.Duration)                           // what one judgement took; one in 64 is timed
	Refused(t ringfence.EventType)                    // before it is recorded
	Unrecorded(t ringfence.EventType)                 // a refusal that the Recorder did not keep
	Cut(r CutReason)                                  // a socket was ended by the gateway
	BackendFailed()                                   // the back end could not be reached, or broke the protocol
	Faulted()                                         // the Authorizer could not tell: nobody was let in
	RevocationApplied(sockets int, lag time.Duration) // a revocation came; lag since it was made, where that is known
}

// noStats counts nothing.
type noStats struct{}

func (noStats) Sockets(int)                          {}
func (noStats) Requests()                            {}
func (noStats) Forwarded(Direction, int, int)        {}
func (noStats) Dropped(Direction)                    {}
func (noStats) Judged(time.Duration)                 {}
func (noStats) Refused(ringfence.EventType)          {}
func (noStats) Unrecorded(ringfence.EventType)       {}
func (noStats) Cut(CutReason)                        {}
func (noStats) BackendFailed()                       {}
func (noStats) Faulted()                             {}
func (noStats) RevocationApplied(int, time.Duration) {}
