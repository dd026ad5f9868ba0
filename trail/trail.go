package trail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Trail records events: in its journal before Record returns, in its Store soon after. It is safe for concurrent use. No
// store, sink or disk that hangs makes Record wait beyond its context.
type Trail struct {
	options  Options
	now      func() time.Time
	log      *slog.Logger
	journal  *journal
	folder   *folder
	shipper  *shipper
	sinks    []*sinkQueue
	alarms   chan Alarm
	counters counters

	closing chan struct{}
	ended   chan struct{}
	closed  sync.Once
	workers sync.WaitGroup // what ends when closing is closed
	err     error
}

var _ ringfence.Recorder = (*Trail)(nil)

// ErrEvent says that an event's type or severity is not in the enumeration: a mistake of the program, counted as lost.
var ErrEvent = errors.New("unknown event type or severity")

// Open begins an epoch in the journal of o.Dir and starts to ship what earlier processes left there. It fails when the
// directory cannot be read or another process has it (ErrLocked). A disk that takes no event is no reason not to open:
// refusals go on, and Stats and alarms tell.
func Open(o Options) (*Trail, error) {
	o = o.withDefaults()
	o.Node = bound(o.Node, maxNode)
	if o.Node == "" || o.Dir == "" {
		return nil, errors.New("opening a trail: a node's name and a directory are needed")
	}
	t := &Trail{options: o, now: o.Now, log: o.Log, alarms: make(chan Alarm, 256), closing: make(chan struct{}), ended: make(chan struct{})}
	t.counters.init()
	t.folder = newFolder(o.FoldWindow, o.FoldSources, o.Now)
	t.journal = &journal{
		dir: o.Dir, node: o.Node, size: o.SegmentSize, disk: o.disk, now: o.Now, clock: &idClock{now: o.Now},
		committed: t.committed, forward: t.forward, lost: t.lost, alarm: t.alarm, tampered: t.tampered,
	}
	note, err := t.journal.open()
	if err != nil {
		return nil, fmt.Errorf("opening a trail: %w", err)
	}
	t.shipper = newShipper(t, note)
	for name, sink := range o.Sinks {
		t.sinks = append(t.sinks, newSinkQueue(name, sink, o.ShipTimeout))
	}
	t.start()
	return t, nil
}

func (t *Trail) start() {
	go t.journal.run()
	t.journal.prepare()
	go t.page()
	t.workers.Go(t.flushFolded)
	t.workers.Go(t.selfTests)
	t.shipper.start()
	for _, s := range t.sinks {
		s.start()
	}
}

// Record keeps an event and returns when it is on disk: at once for the first of its kind, while repeats of one source
// (refusals with equal type, tenants, user, address and operation) are counted, and the count is recorded when their window ends. A
// process that is killed loses of a source no more than the count of its last window, never its first event.
//
// ErrNotDurable means that the event is lost and was counted; the context's error that it is not known yet whether the disk took it.
func (t *Trail) Record(ctx context.Context, e ringfence.Event) error {
	if err := t.count(&e); err != nil {
		return err
	}
	if !folds(&e) {
		ctx, cancel := t.patient(ctx)
		defer cancel()
		g, _, err := t.enqueue(ctx, e)
		if err != nil {
			return err
		}
		return wait(ctx, g)
	}
	s, v, evicted := t.folder.offer(&e)
	if evicted != nil {
		t.keep([]Event{*evicted})
	}
	switch v {
	case foldClosed:
		t.counters.lost.Add(1)
		return fmt.Errorf("recording an event: %w", ErrClosed)
	case foldRepeat:
		t.counters.folded.Add(1)
		return t.awaitFirst(ctx, s)
	}
	return t.recordFirst(ctx, s, e)
}

// recordFirst records the first event of a source, and lets its repeats go on when it is known what became of it.
func (t *Trail) recordFirst(ctx context.Context, s *source, e ringfence.Event) error {
	ctx, cancel := t.patient(ctx)
	defer cancel()
	g, _, err := t.enqueue(ctx, e)
	if err != nil {
		t.settle(s, err)
		return err
	}
	err = wait(ctx, g)
	if err == nil || errors.Is(err, ErrNotDurable) {
		t.settle(s, err)
		return err
	}
	go func() { // the disk takes its time; this caller does not
		<-g.done
		t.settle(s, g.err)
	}()
	return err
}

// settle tells the repeats of a source whether its first event is durable. Where it is not they are lost with it.
func (t *Trail) settle(s *source, err error) {
	if counted := t.folder.settle(s, err); counted > 0 {
		t.counters.folded.Add(-counted)
		t.counters.lost.Add(counted)
	}
}

// Accept is Record without folding, and returns the event as it stands on the trail.
func (t *Trail) Accept(ctx context.Context, e ringfence.Event) (Event, error) {
	if err := t.count(&e); err != nil {
		return Event{}, err
	}
	return t.accept(ctx, e)
}

// count counts what is offered, and refuses what the enumeration does not have.
func (t *Trail) count(e *ringfence.Event) error {
	t.counters.offered.Add(1)
	if !slices.Contains(ringfence.EventTypes, e.Type) || e.Severity != "" && !slices.Contains(ringfence.Severities, e.Severity) {
		t.counters.lost.Add(1)
		return fmt.Errorf("recording an event: %w", ErrEvent)
	}
	t.counters.happened(e)
	return nil
}

// awaitFirst lets a repeat wait while the first event is still on its way to disk.
func (t *Trail) awaitFirst(ctx context.Context, s *source) error {
	select {
	case <-s.ready:
	default:
		ctx, cancel := t.patient(ctx)
		defer cancel()
		select {
		case <-s.ready:
		case <-ctx.Done():
			return fmt.Errorf("recording an event: %w", context.Cause(ctx))
		}
	}
	return s.err
}

// patient gives a context a deadline where it has none.
func (t *Trail) patient(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, bounded := ctx.Deadline(); bounded {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, t.options.Patience)
}

// accept puts one event through the journal.
func (t *Trail) accept(ctx context.Context, e ringfence.Event) (Event, error) {
	ctx, cancel := t.patient(ctx)
	defer cancel()
	g, at, err := t.enqueue(ctx, e)
	if err != nil {
		return Event{}, err
	}
	if err := wait(ctx, g); err != nil {
		return Event{}, err
	}
	return g.events[at].clone(), nil
}

// enqueue puts one offered event into the next group, and counts it as lost where there is no room.
func (t *Trail) enqueue(ctx context.Context, e ringfence.Event) (*group, int, error) {
	now := toMicro(t.now())
	g, at, err := t.journal.enqueue(ctx, Event{Event: Clean(e), Count: 1, First: now, Last: now}, kindOffered)
	if err != nil {
		t.counters.lost.Add(1)
		t.alarm(Alarm{Kind: AlarmLost, Text: "an event was not taken: " + err.Error()})
		return nil, 0, fmt.Errorf("recording an event: %w", err)
	}
	return g, at, nil
}

// wait returns when the group is on disk, or ctx ends.
func wait(ctx context.Context, g *group) error {
	select {
	case <-g.done:
	case <-ctx.Done():
		return fmt.Errorf("recording an event: %w", context.Cause(ctx))
	}
	if g.err != nil {
		return fmt.Errorf("recording an event: %w", g.err)
	}
	return nil
}

// keep puts sums of repeats into the journal without waiting for the disk.
func (t *Trail) keep(sums []Event) {
	for _, e := range sums {
		if _, _, err := t.journal.enqueue(expired, e, kindSum); err != nil {
			t.lost(&group{sums: e.Count}, err)
		}
	}
}

// expired is a context that waits for nothing.
var expired = func() context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("no room"))
	return ctx
}()

// flushFolded records counts whose window ended.
func (t *Trail) flushFolded() {
	ticker := time.NewTicker(max(t.options.FoldWindow/4, 10*time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-t.closing:
			t.keep(t.folder.due(dueAll))
			return
		case <-ticker.C:
			t.keep(t.folder.due(dueEnded))
		}
	}
}

// committed is told by the committer what is durable, before those who wait are.
func (t *Trail) committed(g *group, fixed []Event) {
	t.counters.broken.Store(false)
	t.counters.recorded.Add(g.offered)
	for i := range fixed[:len(fixed)-len(g.events)] { // what the journal put before the group's own: NodeStarted
		t.counters.happened(&fixed[i].Event)
	}
}

// forward gives the sinks what is durable.
func (t *Trail) forward(events []Event) {
	for _, s := range t.sinks {
		s.offer(events)
	}
}

// lost is told by the committer what could not be made durable.
func (t *Trail) lost(g *group, err error) {
	t.counters.broken.Store(true)
	t.counters.folded.Add(-g.sums)
	t.counters.lost.Add(g.offered + g.sums)
	t.alarm(Alarm{Kind: AlarmLost, Text: fmt.Sprintf("%d events are not on disk: %v", g.offered+g.sums, err)})
}

// tampered records that something is wrong with the trail itself.
func (t *Trail) tampered(what string, detail map[string]string) {
	detail["what"] = what
	t.tell(ringfence.Event{Type: ringfence.TrailTamper, Detail: detail})
}

// tell records an event of the trail about itself without waiting, and returns its group; nil where there is none.
func (t *Trail) tell(e ringfence.Event) *group {
	t.counters.tampered.Add(1)
	now := toMicro(t.now())
	e = Clean(e)
	t.counters.happened(&e)
	t.alarm(Alarm{Kind: AlarmTamper, Text: fmt.Sprintf("%s: %v", e.Type, e.Detail)})
	g, _, err := t.journal.enqueue(expired, Event{Event: e, Count: 1, First: now, Last: now}, kindOwn)
	if err != nil {
		t.alarm(Alarm{Kind: AlarmLost, Text: fmt.Sprintf("%s is not on the trail: %v", e.Type, err)})
		return nil
	}
	return g
}

// alarm pages without waiting. Beyond what the pager keeps up with, alarms are left out: the counts tell.
func (t *Trail) alarm(a Alarm) {
	select {
	case t.alarms <- a:
	default:
	}
}

func (t *Trail) page() {
	for {
		select {
		case a := <-t.alarms:
			t.log.Error("trail: "+a.Text, "alarm", string(a.Kind))
			t.options.Page(a)
			continue
		default:
		}
		select {
		case a := <-t.alarms:
			t.log.Error("trail: "+a.Text, "alarm", string(a.Kind))
			t.options.Page(a)
		case <-t.ended:
			return
		}
	}
}

// Close records the counts of repeats, writes what is queued, and ships until the journal is empty, the store fails or ctx
// ends; what is left waits for the next Open. It returns an error when something queued is not known to be on disk. Record fails with
// ErrClosed from here on.
func (t *Trail) Close(ctx context.Context) error {
	t.closed.Do(func() { t.err = t.shutDown(ctx) })
	return t.err
}

func (t *Trail) shutDown(ctx context.Context) error {
	defer close(t.ended)
	close(t.closing)
	t.workers.Wait()
	t.journal.refuse()
	t.shipper.stop(ctx)
	err := t.journal.close(ctx.Done())
	for _, s := range t.sinks {
		s.stop()
	}
	if err != nil {
		return fmt.Errorf("closing the trail: %w", err)
	}
	t.journal.release()
	return nil
}
