package trail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ringfencehq/ringfence"
)

// SelfTest records a SelfTest event and waits until the store holds it, verified by its hash: it proves the whole path.
// Without a store it proves the journal alone. It returns how long that took.
func (t *Trail) SelfTest(ctx context.Context) (time.Duration, error) {
	begin := time.Now()
	now := toMicro(t.now())
	e := Event{Event: Clean(ringfence.Event{Type: ringfence.SelfTest}), Count: 1, First: now, Last: now}
	t.counters.happened(&e.Event)
	g, at, err := t.journal.enqueue(ctx, e, kindOwn)
	if err != nil {
		return 0, fmt.Errorf("testing the trail: %w", err)
	}
	if err := wait(ctx, g); err != nil {
		return 0, fmt.Errorf("testing the trail: %w", err)
	}
	if t.options.Store != nil {
		if err := t.awaitShipped(ctx, &g.events[at]); err != nil {
			return 0, fmt.Errorf("testing the trail: waiting for the store: %w", err)
		}
	}
	took := time.Since(begin)
	t.counters.selfTest.Store(t.now().UnixMicro())
	t.counters.selfTestTook.Store(int64(took))
	return took, nil
}

// awaitShipped waits until an accepted event is verified in the store.
func (t *Trail) awaitShipped(ctx context.Context, e *Event) error {
	done := t.shipper.await(e)
	defer t.shipper.forget(e.ID)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// selfTests tests at start and on a schedule. The first event also begins the epoch. A test waits no longer than until the
// next; that it has not succeeded shows in Stats.SelfTest.
func (t *Trail) selfTests() {
	ticker := time.NewTicker(t.options.SelfTestEvery)
	defer ticker.Stop()
	for {
		ctx, cancel := context.WithTimeoutCause(context.Background(), t.options.SelfTestEvery, errors.New("the time for a self-test is over"))
		stop := make(chan struct{})
		go func() {
			select {
			case <-t.closing:
				cancel()
			case <-stop:
			}
		}()
		_, err := t.SelfTest(ctx)
		close(stop)
		cancel()
		select {
		case <-t.closing:
			return
		default:
		}
		if err != nil {
			t.log.Error("trail: self-test", "error", err)
		}
		select {
		case <-ticker.C:
		case <-t.closing:
			return
		}
	}
}
