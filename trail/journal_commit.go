package trail

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence"
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

const (
	// maxPending bounds the memory of what waits for the disk, in bytes of events.
	maxPending = 32 << 20
	// inspectEvery is how often files are looked at without an event.
	inspectEvery = time.Second
	// brokenPause is how long a disk that failed is left alone; until then events fail at once.
	brokenPause = 100 * time.Millisecond
)

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

// run is the committer: the one goroutine that writes. It ends when the journal is closed and all is written.
func (j *journal) run() {
	defer close(j.stopped)
	ticker := time.NewTicker(inspectEvery)
	defer ticker.Stop()
	for {
		select {
		case <-j.wake:
		case <-ticker.C:
			j.inspect()
		}
		g, closed := j.takeGroup()
		if g != nil {
			n := len(g.events)
			j.commit(g)
			j.wrote()
			j.gather(n)
			continue
		}
		if closed {
			return
		}
	}
}

func (j *journal) wrote() {
	j.mu.Lock()
	j.writing = false
	j.mu.Unlock()
	poke(j.grown)
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

// commit fixes a group's events and makes them durable. Where the file does not take them a second one is tried, with the
// same bytes; readers know by the hash what stands twice. When that fails too, the group is lost and a new epoch begins,
// so that the chain of what follows has no hole.
func (j *journal) commit(g *group) {
	if j.broken != nil && j.now().Sub(j.failed).Abs() < brokenPause {
		j.lose(g, j.broken)
		return
	}
	j.fix(g)
	err := j.write()
	if err != nil {
		j.abandon(err)
		if err = j.write(); err != nil {
			j.abandon(err)
			j.broken, j.failed = err, j.now()
			j.lose(g, err)
			j.newEpoch("the journal could not be written")
			return
		}
	}
	j.broken = nil
	last := &j.fixed[len(j.fixed)-1]
	j.sequence, j.previous = last.Sequence, last.Hash
	g.events = j.fixed[len(j.fixed)-len(g.events):]
	j.committed(g, j.fixed)
	close(g.done)
	j.forward(j.fixed)
}

func (j *journal) lose(g *group, err error) {
	g.err = fmt.Errorf("%w: %w", ErrNotDurable, err)
	j.lost(g, err)
	close(g.done)
}

// newEpoch begins a chain of its own: its number is above every earlier one of the node, also of a journal that was lost.
func (j *journal) newEpoch(cause string) {
	if j.sequence > 0 || j.started == nil {
		j.started = map[string]string{}
	}
	j.started["cause"] = cause
	if j.sequence > 0 {
		j.started["previous_epoch"] = fmt.Sprint(j.epoch)
		j.started["previous_sequence"] = fmt.Sprint(j.sequence)
		j.started["previous_hash"] = j.previous.String()
	}
	j.epoch = max(j.epoch+1, j.now().UnixMicro())
	j.sequence, j.previous = 0, Hash{}
}

// fix gives the group's events their ids, times, sequence and hashes, and lays their frames out in memory. An epoch begins
// with NodeStarted, which names the end of the epoch before.
func (j *journal) fix(g *group) {
	fixed := make([]Event, 0, len(g.events)+1)
	if j.sequence == 0 {
		now := j.now().UTC().Truncate(time.Microsecond)
		start := Clean(ringfence.Event{Type: ringfence.NodeStarted, Detail: j.started})
		fixed = append(fixed, Event{Event: start, Count: 1, First: now, Last: now})
	}
	fixed = append(fixed, g.events...)
	j.frames, j.ends = j.frames[:0], j.ends[:0]
	sequence, previous := j.sequence, j.previous
	for i := range fixed {
		e := &fixed[i]
		sequence++
		id, created, ahead := j.clock.tick()
		e.ID, e.Row, e.Created = id, id, created
		if ahead > time.Second {
			e.Detail = withClock(e.Detail, created.Add(-ahead))
		}
		e.Node, e.Epoch, e.Sequence, e.Previous = j.node, j.epoch, sequence, previous
		at := len(j.frames)
		j.frames = appendFrame(j.frames, e.AppendCanonical)
		e.Hash = digest(j.frames[at+frameHeader:])
		previous = e.Hash
		j.ends = append(j.ends, len(j.frames))
	}
	j.fixed = fixed
}

// withClock notes what the wall clock said where it had been set back.
func withClock(detail map[string]string, wall time.Time) map[string]string {
	out := make(map[string]string, len(detail)+1)
	for k, v := range detail {
		out[k] = v
	}
	if len(out) < maxDetails {
		out["clock"] = wall.UTC().Format(time.RFC3339)
	}
	return out
}

// write brings the frames to disk, into as many segments as they need.
func (j *journal) write() error {
	for from := 0; from < len(j.ends); {
		if j.current == nil {
			if err := j.openSegment(j.fixed[from].Sequence); err != nil {
				return err
			}
		}
		begin := 0
		if from > 0 {
			begin = j.ends[from-1]
		}
		room := j.size - j.current.durable
		to, _ := slices.BinarySearch(j.ends, begin+int(room)+1)
		if to <= from && j.current.count > 0 {
			j.seal()
			continue
		}
		to = max(to, from+1)
		if err := j.flush(j.frames[begin:j.ends[to-1]], j.fixed[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// flush writes frames at the current segment's end and waits until they are on disk, in the file that the path leads to.
func (j *journal) flush(frames []byte, events []Event) error {
	s := j.current
	if s.allocated == 0 { // a file that was shortened would be long enough again after the write
		if err := s.check(); err != nil {
			return err
		}
	}
	b := frames
	if s.durable == 0 {
		b = append([]byte(segmentMagic), frames...)
	}
	if _, err := s.file.WriteAt(b, s.durable); err != nil {
		return err
	}
	if err := s.file.Sync(); err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.count == 0 {
		s.oldest = events[0].Created
	}
	s.durable += int64(len(b))
	s.count += int64(len(events))
	j.written += int64(len(events))
	return nil
}

// abandon leaves a segment whose file failed: what fsync did not confirm may or may not be there, so nothing more is written to it. A
// file that was removed is made again from the one that is still open.
func (j *journal) abandon(cause error) {
	s := j.current
	if s == nil {
		return
	}
	j.current = nil
	if errors.Is(cause, errMoved) {
		j.restore(s)
		return
	}
	s.file.Truncate(s.durable)
	j.mu.Lock()
	s.sealed, s.allocated = true, 0
	j.mu.Unlock()
	j.alarm(Alarm{Kind: AlarmDisk, Text: "writing the journal: " + cause.Error()})
}

// restore writes what an open file still holds to a new one, and tells of the tampering.
func (j *journal) restore(s *segment) {
	content, err := s.load(0, s.durable)
	if err == nil && len(content) > 0 {
		err = j.replace(s, content)
	}
	outcome := "made again from the open file"
	if err != nil || int64(len(content)) < s.durable {
		outcome = "could not be made again as it was"
	}
	j.mu.Lock()
	s.sealed, s.allocated, s.durable = true, 0, int64(len(content))
	j.mu.Unlock()
	j.tampered("a journal file was removed, replaced or shortened", map[string]string{
		"file": filepath.Base(s.path), "outcome": outcome, "bytes": fmt.Sprint(len(content)),
	})
}

// replace gives a segment a new file with content.
func (j *journal) replace(s *segment, content []byte) error {
	path := j.unusedPath(s.epoch, s.first)
	f, err := j.disk.create(path, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err = errors.Join(err, f.Sync(), syncDir(j.dir)); err != nil {
		f.Close()
		return err
	}
	made, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s.file.Close()
	s.path, s.file, s.made = path, f, made
	return nil
}

// inspect looks at the files that are open, so that a removed one is noticed without an event, and closes the oldest when
// many are open.
func (j *journal) inspect() {
	j.mu.Lock()
	segments := slices.Clone(j.segments)
	j.mu.Unlock()
	open := 0
	for _, s := range slices.Backward(segments) {
		seen := j.look(s)
		if seen.file == nil {
			continue
		}
		if open++; open > maxOpen {
			j.closeFile(s)
			continue
		}
		if err := seen.check(); errors.Is(err, errMoved) && !j.isGone(s) {
			if s == j.current {
				j.current = nil
			}
			j.restore(s)
		}
	}
	j.prepare()
}
