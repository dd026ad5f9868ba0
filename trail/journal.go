package trail

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// maxOpen is how many segments stay open until they are shipped, so that deleting their files loses nothing.
const maxOpen = 64

// journal keeps accepted events on disk until they are shipped. One goroutine writes (run); any number enqueue; one reads
// (cursor) and frees.
type journal struct {
	dir, node string
	size      int64
	disk      disk
	now       func() time.Time
	clock     *idClock
	// What the committer tells. They must not block, nor call back into the journal but for enqueueing.
	committed func(g *group, fixed []Event)
	forward   func(events []Event)
	lost      func(g *group, err error)
	alarm     func(Alarm)
	tampered  func(what string, detail map[string]string)

	wake    chan struct{}
	grown   chan struct{} // there is more to read
	stopped chan struct{}
	lock    *os.File

	mu       sync.Mutex
	refusing bool // nothing more is offered
	closed   bool
	writing  bool // a group is on its way to disk
	next     *group
	room     chan struct{} // closed when the next group begins
	segments []*segment
	written  int64       // records that were written, those that had to be written twice both times
	spare    segmentFile // a file of zeros, ready to be the next segment: the room that is left when the disk is full
	noSpare  error
	making   bool

	// The committer's own.
	current         *segment
	epoch, sequence int64
	previous        Hash
	started         map[string]string
	fixed           []Event
	frames          []byte
	ends            []int
	broken          error
	failed          time.Time
}

// state is a note beside the segments: what is known of the chain when all segments are gone, and up to where events were
// shipped. It is on disk before a segment is freed, and may lag behind otherwise.
type state struct {
	Epoch, Sequence               int64
	Hash                          string
	ShippedEpoch, ShippedSequence int64
}

const stateName, lockName = "state.json", "LOCK"

// open takes the directory's lock, finds what earlier processes left, and begins an epoch. Nothing is written yet.
func (j *journal) open() (state, error) {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return state{}, wrapDir("opening", j.dir, err)
	}
	lock, err := lockFile(filepath.Join(j.dir, lockName))
	if err != nil {
		return state{}, wrapDir("opening", j.dir, err)
	}
	if j.segments, err = listSegments(j.dir); err != nil {
		lock.Close()
		return state{}, err
	}
	j.lock = lock
	os.Remove(filepath.Join(j.dir, spareName))
	note := readState(j.dir)
	j.recall(note)
	j.newEpoch("the process started")
	j.wake, j.grown, j.stopped = make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{})
	j.next, j.room = newGroup(), make(chan struct{})
	return note, nil
}

func readState(dir string) state {
	var s state
	b, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return state{}
	}
	return s
}

// recall finds where the last epoch ended, and how many events the segments hold: by their names, and by reading where the names
// do not tell.
func (j *journal) recall(note state) {
	j.epoch, j.sequence = note.Epoch, note.Sequence
	j.previous, _ = ParseHash(note.Hash)
	for i, s := range j.segments {
		if i+1 < len(j.segments) && j.segments[i+1].epoch == s.epoch && j.segments[i+1].first > s.first {
			s.count = j.segments[i+1].first - s.first
			continue
		}
		b, err := s.load(0, s.durable)
		if err != nil {
			continue
		}
		for off, found := 0, frameEvent; found != frameNone; {
			var e Event
			e, off, found = nextFrame(b, off)
			if found != frameEvent {
				continue
			}
			if s.count++; s.count == 1 {
				s.oldest = e.Created
			}
			if e.Epoch > j.epoch || e.Epoch == j.epoch && e.Sequence > j.sequence {
				j.epoch, j.sequence, j.previous = e.Epoch, e.Sequence, e.Hash
			}
		}
		j.epoch = max(j.epoch, s.epoch)
	}
}

// refuse ends acceptance but for the trail's own events.
func (j *journal) refuse() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.refusing = true
}

// quiet reports whether all that was accepted is on disk.
func (j *journal) quiet() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.next.events) == 0 && !j.writing
}

// close writes what is queued and stops the committer. It returns early when done is closed; the committer then ends when
// the disk lets it.
func (j *journal) close(done <-chan struct{}) error {
	j.mu.Lock()
	j.closed = true
	j.mu.Unlock()
	poke(j.wake)
	select {
	case <-j.stopped:
		return nil
	case <-done:
		return fmt.Errorf("closing the journal: the disk does not answer")
	}
}

// release gives back files and lock, after the committer stopped and nobody reads any more.
func (j *journal) release() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		if s.file != nil {
			s.file.Close()
			s.file = nil
		}
	}
	if j.spare != nil {
		j.spare.Close()
		os.Remove(filepath.Join(j.dir, spareName))
		j.spare = nil
	}
	j.lock.Close()
}

// openSegment begins a segment: the spare where there is one, else a file that grows.
func (j *journal) openSegment(first int64) error {
	path := j.unusedPath(j.epoch, first)
	j.mu.Lock()
	f := j.spare
	j.spare = nil
	j.mu.Unlock()
	if f != nil && os.Rename(filepath.Join(j.dir, spareName), path) != nil {
		f.Close()
		os.Remove(filepath.Join(j.dir, spareName))
		f = nil
	}
	allocated := j.size
	if f == nil {
		var err error
		allocated = 0
		if f, err = j.disk.create(path, 0); err != nil {
			return err
		}
	}
	if err := syncDir(j.dir); err != nil {
		f.Close()
		return err
	}
	made, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	s := &segment{path: path, epoch: j.epoch, first: first, allocated: allocated, made: made, file: f}
	j.current = s
	j.mu.Lock()
	j.segments = append(j.segments, s)
	j.mu.Unlock()
	j.prepare()
	return nil
}

// unusedPath returns a path for a segment that no file has: after a failure the same events are written a second time.
func (j *journal) unusedPath(epoch, first int64) string {
	path := filepath.Join(j.dir, segmentName(epoch, first))
	for n := 1; ; n++ {
		if _, err := os.Lstat(path); os.IsNotExist(err) {
			return path
		}
		name := segmentName(epoch, first)
		path = filepath.Join(j.dir, fmt.Sprintf("%s-%04d%s", name[:len(name)-len(segmentSuffix)], n, segmentSuffix))
	}
}

// prepare makes the spare in the background. That it cannot be made is the first sign of a disk that gets full.
func (j *journal) prepare() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.spare != nil || j.making || j.closed {
		return
	}
	j.making = true
	go func() {
		path := filepath.Join(j.dir, spareName)
		os.Remove(path)
		f, err := j.disk.create(path, j.size)
		j.mu.Lock()
		defer j.mu.Unlock()
		j.making = false
		if err == nil && j.closed {
			f.Close()
			os.Remove(path)
			return
		}
		if err == nil {
			j.spare = f
		} else if j.noSpare == nil {
			j.alarm(Alarm{Kind: AlarmSpace, Text: "keeping room for the journal: " + err.Error()})
		}
		j.noSpare = err
	}()
}

// seal ends the current segment.
func (j *journal) seal() {
	s := j.current
	j.current = nil
	s.file.Truncate(s.durable)
	j.mu.Lock()
	s.sealed, s.allocated = true, 0
	j.mu.Unlock()
}

// isGone reports whether a segment was freed.
func (j *journal) isGone(s *segment) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return !slices.Contains(j.segments, s)
}

func (j *journal) closeFile(s *segment) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.sealed && s.file != nil {
		s.file.Close()
		s.file = nil
	}
}

// free removes a segment whose events are all verified, after the note says so; on a full disk the note has to wait for
// the room that this makes. What could not be read is kept under another name.
func (j *journal) free(s *segment, note state, damaged bool) error {
	noted := j.note(note)
	err := j.remove(s, damaged)
	if noted != nil {
		noted = j.note(note)
	}
	return errors.Join(noted, err)
}

func (j *journal) remove(s *segment, damaged bool) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
	if i := slices.Index(j.segments, s); i >= 0 {
		j.segments = slices.Delete(j.segments, i, i+1)
	}
	var err error
	if damaged {
		err = os.Rename(s.path, s.path+".damaged")
	} else {
		err = os.Remove(s.path)
	}
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("freeing journal space: %w", err)
	}
	return nil
}

func (j *journal) note(s state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(j.dir, stateName), b); err != nil {
		return fmt.Errorf("noting what was shipped: %w", err)
	}
	return nil
}

// after returns the segment after s, or the first, and whether there is one.
func (j *journal) after(s *segment) (*segment, bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	i := slices.Index(j.segments, s) + 1
	if i >= len(j.segments) {
		return nil, false
	}
	return j.segments[i], true
}

// look returns a copy of a segment's fields.
func (j *journal) look(s *segment) segment {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *s
}
