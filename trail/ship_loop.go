package trail

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// The pauses after a failed call of a store or sink: each up to twice the one before, with jitter, so that nodes do not
// come back in step.
const (
	firstPause = 50 * time.Millisecond
	mostPause  = 10 * time.Second
	// linger is how long a first event waits for others to share a call of the store.
	linger = 5 * time.Millisecond
	// maxClashes is how many keys are tried for one event.
	maxClashes = 16
)

// shipper brings the journal's events to the store, in order. A batch is repeated until the store confirms each event by
// its hash; only then the journal's space is freed. What is sent again, after a crash too, the store knows by its key.
type shipper struct {
	t      *Trail
	store  Store
	cursor cursor
	note   state
	batch  int // shrinks while the store fails, so that one event it refuses holds up no others before it
	pause  time.Duration

	stopping chan struct{} // nothing more will be written: end when the journal is empty, or the store fails
	cancel   context.CancelFunc
	ended    chan struct{}

	mu      sync.Mutex
	taken   map[*segment]int64 // events of a segment that are shipped, while the segment is not freed
	account account            // but for what the journal still holds
	last    Event              // the last event that is shipped, by its place
	oldest  time.Time          // when the first event was accepted that is not shipped
	waiters map[ID]chan struct{}
}

// account is what became of records: inherited + written = shipped + backlog + missing.
type account struct{ inherited, written, shipped, backlog int64 }

// missing are records that are gone from the journal and were not seen in the store.
func (a account) missing() int64 { return a.inherited + a.written - a.shipped - a.backlog }

func newShipper(t *Trail, note state) *shipper {
	s := &shipper{
		t: t, store: t.options.Store, note: note, batch: t.options.Batch, stopping: make(chan struct{}), ended: make(chan struct{}),
		taken: map[*segment]int64{}, waiters: map[ID]chan struct{}{},
	}
	s.cursor = cursor{j: t.journal, note: note, tell: t.tell}
	for _, seg := range t.journal.segments {
		s.account.inherited += seg.count
	}
	return s
}

func (s *shipper) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	if s.store == nil {
		close(s.ended)
		return
	}
	go s.run(ctx)
}

// stop lets the shipper end by itself, and cuts it off when ctx ends.
func (s *shipper) stop(ctx context.Context) {
	close(s.stopping)
	select {
	case <-s.ended:
		s.cancel()
		return
	case <-ctx.Done():
	}
	s.cancel()
	select {
	case <-s.ended:
	case <-time.After(time.Second): // a store that ignores its context keeps its goroutine, not us
	}
}

// run ships until it is stopped.
func (s *shipper) run(ctx context.Context) {
	defer close(s.ended)
	for ctx.Err() == nil {
		p, err := s.cursor.next(s.batch)
		if err != nil {
			s.t.log.Error("trail: reading the backlog", "error", err)
			if s.isStopping() {
				return
			}
			s.wait(ctx, s.backOff())
		}
		if len(p.events) > 0 && !s.deliver(ctx, p.events) {
			return
		}
		if !s.finish(ctx, p) {
			return
		}
		if len(p.events) > 0 || len(p.done) > 0 {
			continue
		}
		select {
		case <-s.t.journal.grown:
			s.wait(ctx, linger)
		case <-s.stopping:
			if s.idle() {
				s.sweep(ctx)
				return
			}
			select { // what is on its way to disk is shipped too
			case <-s.t.journal.grown:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}
}

// idle reports whether nothing is left to read, nor on its way to disk.
func (s *shipper) idle() bool {
	if !s.t.journal.quiet() {
		return false
	}
	if _, more := s.t.journal.after(s.cursor.seg); more {
		poke(s.t.journal.grown)
		return false
	}
	if s.cursor.seg == nil {
		return true
	}
	if seen := s.t.journal.look(s.cursor.seg); int64(len(s.cursor.buf)) < seen.durable {
		poke(s.t.journal.grown)
		return false
	}
	return true
}

// deliver repeats a batch until the store has all of it; false when it is cut off before.
func (s *shipper) deliver(ctx context.Context, batch []Event) bool {
	s.mu.Lock()
	s.oldest = batch[0].Created
	s.mu.Unlock()
	for len(batch) > 0 {
		n, final := min(len(batch), s.batch), s.isStopping()
		err := s.append(ctx, batch[:n])
		if err == nil {
			s.succeeded()
			s.shipped(batch[:n])
			batch = batch[n:]
			continue
		}
		if ctx.Err() != nil {
			return false
		}
		s.failed(err)
		if final {
			return false
		}
		s.wait(ctx, s.backOff())
	}
	return true
}

func (s *shipper) succeeded() {
	s.pause = 0
	s.batch = min(s.batch*2, s.t.options.Batch)
	if s.t.counters.failing.Swap(false) {
		s.t.log.Info("trail: the store takes events again")
	}
}

func (s *shipper) failed(err error) {
	s.batch = max(s.batch/2, 1)
	s.t.counters.failures.Add(1)
	if !s.t.counters.failing.Swap(true) {
		s.t.alarm(Alarm{Kind: AlarmStore, Text: "shipping events: " + err.Error()})
	}
}

// backOff returns the next pause.
func (s *shipper) backOff() time.Duration {
	s.pause = min(max(2*s.pause, firstPause), mostPause)
	return s.pause/2 + rand.N(s.pause/2)
}

// wait pauses, and no longer when the shipper is to end: it then tries once more.
func (s *shipper) wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.stopping:
	case <-ctx.Done():
	}
}

func (s *shipper) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// errStored says that a store's answer is not one for the batch.
var errStored = errors.New("the store's answer does not match the batch")

// append stores one batch and verifies it. Where the store holds something else under a key, the event is repeated under
// the next one, and the clash is recorded.
func (s *shipper) append(ctx context.Context, batch []Event) error {
	for range maxClashes {
		call, cancel := context.WithTimeout(ctx, s.t.options.ShipTimeout)
		stored, err := s.store.Append(call, batch)
		cancel()
		if err != nil {
			return err
		}
		if len(stored) != len(batch) {
			return fmt.Errorf("%w: %d events, %d answers", errStored, len(batch), len(stored))
		}
		var clashes []Event
		for i := range batch {
			if stored[i].Row != batch[i].Row {
				return fmt.Errorf("%w: another key", errStored)
			}
			if stored[i].Hash != batch[i].Hash {
				clashes = append(clashes, s.clash(batch[i], stored[i]))
			}
		}
		if len(clashes) == 0 {
			return nil
		}
		batch = clashes
	}
	return fmt.Errorf("%w: every key that was tried holds something else", errStored)
}

func (s *shipper) clash(e Event, held Stored) Event {
	next := e.NextRow()
	s.t.counters.conflict.Add(1)
	s.t.tampered("the store held something else under an event's key", map[string]string{
		"row": e.Row.String(), "hash": e.Hash.String(), "held": held.Hash.String(), "next": next.String(),
	})
	e.Row = next
	return e
}

// shipped notes what the store confirmed.
func (s *shipper) shipped(batch []Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		if done, ok := s.waiters[batch[i].ID]; ok {
			close(done)
			delete(s.waiters, batch[i].ID)
		}
	}
	if e := &batch[len(batch)-1]; e.Epoch > s.last.Epoch || e.Epoch == s.last.Epoch && e.Sequence > s.last.Sequence {
		s.last = *e
	}
	s.oldest = time.Time{}
}

// finish counts a delivered portion against its segments, and frees those that ended, once what was told about them is on
// disk. It is false when it was cut off.
func (s *shipper) finish(ctx context.Context, p portion) bool {
	s.mu.Lock()
	for seg, n := range p.counts {
		s.taken[seg] += n
		s.account.shipped += n
	}
	s.correct()
	s.mu.Unlock()
	for _, f := range p.done {
		for _, g := range s.cursor.told {
			select {
			case <-g.done:
			case <-ctx.Done():
				return false
			}
		}
		s.cursor.told = nil
		if err := s.t.journal.free(f.segment, s.state(), f.damaged); err != nil {
			s.t.log.Error("trail: freeing journal space", "error", err)
		}
		s.mu.Lock()
		delete(s.taken, f.segment)
		s.mu.Unlock()
	}
	return true
}

// correct raises the count of a segment that an earlier process left, and of which more was read than its name told. The caller holds
// the lock.
func (s *shipper) correct() {
	j := s.t.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	for seg, n := range s.taken {
		if more := n - seg.count; more > 0 {
			seg.count += more
			s.account.inherited += more
		}
	}
}

// state is the note to leave beside the segments.
func (s *shipper) state() state {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last.Epoch > 0 {
		s.note.ShippedEpoch, s.note.ShippedSequence = s.last.Epoch, s.last.Sequence
		s.note.Epoch, s.note.Sequence, s.note.Hash = s.last.Epoch, s.last.Sequence, s.last.Hash.String()
	}
	return s.note
}

// sweep frees the segment that was being written, when the trail closes and all is shipped.
func (s *shipper) sweep(ctx context.Context) {
	if s.cursor.seg == nil {
		return
	}
	f := s.cursor.end()
	s.finish(ctx, portion{done: []finished{f}})
}

// backlog returns the account of this moment, since when the oldest event is not shipped, and whether room for a full disk is kept.
func (s *shipper) backlog() (a account, oldest time.Time, reserve bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a, oldest = s.account, s.oldest
	j := s.t.journal
	j.mu.Lock()
	defer j.mu.Unlock()
	a.written = j.written
	for _, seg := range j.segments {
		left := max(seg.count-s.taken[seg], 0)
		if a.backlog += left; oldest.IsZero() && left > 0 {
			oldest = seg.oldest
		}
	}
	return a, oldest, j.spare != nil
}

// await returns a channel that is closed when the event is verified in the store.
func (s *shipper) await(e *Event) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	if e.Epoch < s.last.Epoch || e.Epoch == s.last.Epoch && e.Sequence <= s.last.Sequence {
		close(done) // it was faster than we
		return done
	}
	s.waiters[e.ID] = done
	return done
}

func (s *shipper) forget(id ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.waiters, id)
}
