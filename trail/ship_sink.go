package trail

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// sinkRoom is how many events wait for one sink.
const sinkRoom = 8192

// sinkQueue keeps one sink apart from everything else: it has a queue of its own, a deadline for each call, and pauses that grow while
// it fails. What does not fit is left out and counted.
type sinkQueue struct {
	name    string
	sink    Sink
	timeout time.Duration

	mu      sync.Mutex
	queue   []Event
	wake    chan struct{}
	closing chan struct{}
	cancel  context.CancelFunc
	ended   chan struct{}

	sent, dropped atomic.Int64
	failing       atomic.Bool
}

func newSinkQueue(name string, sink Sink, timeout time.Duration) *sinkQueue {
	return &sinkQueue{
		name: name, sink: sink, timeout: timeout,
		wake: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}),
	}
}

// offer never waits.
func (q *sinkQueue) offer(events []Event) {
	q.mu.Lock()
	fit := min(len(events), sinkRoom-len(q.queue))
	for i := range events[:fit] {
		q.queue = append(q.queue, events[i].clone())
	}
	q.mu.Unlock()
	q.dropped.Add(int64(len(events) - fit))
	poke(q.wake)
}

func (q *sinkQueue) start() {
	ctx, cancel := context.WithCancel(context.Background())
	q.cancel = cancel
	go q.run(ctx)
}

// stop tries what is queued once more, for no longer than one call may take.
func (q *sinkQueue) stop() {
	close(q.closing)
	select {
	case <-q.ended:
	case <-time.After(q.timeout):
	}
	q.cancel()
}

func (q *sinkQueue) run(ctx context.Context) {
	defer close(q.ended)
	var pause time.Duration
	for ctx.Err() == nil {
		q.mu.Lock()
		batch := q.queue
		q.mu.Unlock()
		if len(batch) == 0 {
			select {
			case <-q.wake:
				continue
			case <-q.closing:
				return
			}
		}
		if q.send(ctx, batch) {
			pause = 0
			continue
		}
		pause = min(max(2*pause, firstPause), mostPause)
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-q.closing:
			return
		}
	}
}

// send makes one call, and takes from the queue what went out.
func (q *sinkQueue) send(ctx context.Context, batch []Event) bool {
	call, cancel := context.WithTimeout(ctx, q.timeout)
	defer cancel()
	if err := q.sink.Send(call, batch); err != nil {
		q.failing.Store(true)
		return false
	}
	q.failing.Store(false)
	q.sent.Add(int64(len(batch)))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append([]Event(nil), q.queue[len(batch):]...)
	return true
}

func (q *sinkQueue) stats() SinkStats {
	return SinkStats{Sent: q.sent.Load(), Dropped: q.dropped.Load(), Failing: q.failing.Load()}
}
