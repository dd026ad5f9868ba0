package trail

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Errors of acceptance. Whoever refuses goes on refusing, whatever Record says.
var (
	// ErrNotDurable says that the event is not on disk, and was counted as lost; the cause is wrapped.
	ErrNotDurable = errors.New("event is not durable")
	// ErrClosed says that the trail was closed.
	ErrClosed = errors.New("the trail is closed")
	// ErrLocked says that another process writes this journal.
	ErrLocked = errors.New("another process has the journal")
)

// maxPending bounds the memory of what waits for the disk, in bytes of events.
const maxPending = 32 << 20

// group is the events that one fsync makes durable. events may be read once done is closed.
type group struct {
	events  []Event
	offered int64 // events of Record among them
	sums    int64 // occurrences that sums among them stand for
	size    int
	done    chan struct{}
	err     error
}

// kind says whose an event is, for counting.
type kind int

const (
	kindOffered kind = iota // of whoever calls Record
	kindSum                 // a sum of repeats
	kindOwn                 // of the trail itself
)

func (g *group) add(e Event, k kind) {
	g.events = append(g.events, e)
	g.size += approximateSize(&e)
	switch k {
	case kindOffered:
		g.offered++
	case kindSum:
		g.sums += e.Count
	}
}

func newGroup() *group { return &group{done: make(chan struct{})} }

// enqueue puts an event into the next group, waiting for room until ctx ends.
func (j *journal) enqueue(ctx context.Context, e Event, k kind) (*group, int, error) {
	for {
		j.mu.Lock()
		if j.closed || j.refusing && k != kindOwn {
			j.mu.Unlock()
			return nil, 0, ErrClosed
		}
		g, room := j.next, j.room
		if g.size < maxPending {
			g.add(e, k)
			at := len(g.events) - 1
			j.mu.Unlock()
			poke(j.wake)
			return g, at, nil
		}
		j.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return nil, 0, fmt.Errorf("%w: waiting for room in memory: %w", ErrNotDurable, context.Cause(ctx))
		}
	}
}

func approximateSize(e *Event) int {
	n := 512 + len(e.User) + len(e.Tenant) + len(e.AttemptedTenant) + len(e.Session) + len(e.Address) + len(e.UserAgent)
	for k, v := range e.Detail {
		n += len(k) + len(v) + 64
	}
	return n
}

// poke wakes whoever receives from a channel of capacity one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// gatherTime bounds what the disk waits for writers.
const gatherTime = 50 * time.Microsecond

// gather lets writers that one fsync woke come with their next events, so that these share an fsync too and none waits for
// two of them.
func (j *journal) gather(last int) {
	if last < 2 {
		return
	}
	for begin := time.Now(); time.Since(begin) < gatherTime; {
		runtime.Gosched()
		j.mu.Lock()
		n := len(j.next.events)
		j.mu.Unlock()
		if n >= last {
			return
		}
	}
}

// takeGroup ends the group that gathers events and begins the next. Where none gathered there is no group, and closed tells
// whether there will be.
func (j *journal) takeGroup() (g *group, closed bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.next.events) == 0 {
		return nil, j.closed
	}
	g, j.next = j.next, newGroup()
	j.writing = true
	close(j.room)
	j.room = make(chan struct{})
	poke(j.wake)
	return g, false
}
