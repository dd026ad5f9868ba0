package trail

import (
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence"
)

const (
	// inspectEvery is how often files are looked at without an event.
	inspectEvery = time.Second
	// brokenPause is how long a disk that failed is left alone; until then events fail at once.
	brokenPause = 100 * time.Millisecond
)

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
