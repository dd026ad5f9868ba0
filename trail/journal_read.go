package trail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"
)

// Damage says that bytes of a journal's file are no event.
type Damage struct {
	File     string // name within the directory
	From, To int64  // bytes From up to To
	// After is the last event before, by epoch and sequence; zero where there is none.
	Epoch, Sequence int64
}

// Error tells where the damage is.
func (d *Damage) Error() string {
	return fmt.Sprintf("journal file %s: bytes %d to %d are no event (after epoch %d, sequence %d)", d.File, d.From, d.To, d.Epoch, d.Sequence)
}

// ReadJournal reads the events in a journal's directory, in order, without hindering a process that writes it. It needs no
// lock and changes nothing. Events that were shipped stand there until their file is freed; an event that had to be written
// twice is told twice, with the same hash. An error is a *Damage, after which reading goes on, or an error of the system, after which
// it goes on with the next file. Hashes are computed; whether they form a chain is for the caller to see.
func ReadJournal(dir string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		segments, err := listSegments(dir)
		if err != nil {
			yield(Event{}, err)
			return
		}
		var last Event
		for _, s := range segments {
			r := segmentReader{path: s.path}
			if !r.all(&last, yield) {
				return
			}
		}
	}
}

// segmentReader reads one file, and again what was added to it.
type segmentReader struct {
	path string
	off  int
}

// all yields events and damage from where it stands; false when the caller wants no more.
func (r *segmentReader) all(last *Event, yield func(Event, error) bool) bool {
	b, err := os.ReadFile(r.path)
	if os.IsNotExist(err) {
		return true // freed since it was listed
	}
	if err != nil {
		return yield(Event{}, fmt.Errorf("reading the journal: %w", err))
	}
	for r.off <= len(b) {
		e, end, found := nextFrame(b, r.off)
		switch found {
		case frameNone:
			return true
		case frameDamage:
			damage := &Damage{File: filepath.Base(r.path), From: int64(r.off), To: int64(end), Epoch: last.Epoch, Sequence: last.Sequence}
			r.off = end
			if !yield(Event{}, damage) {
				return false
			}
		case frameEvent:
			r.off, *last = end, e
			if !yield(e, nil) {
				return false
			}
		}
	}
	return true
}

// TailOptions are how Tail reads; the zero value reads all that is there and follows.
type TailOptions struct {
	// From says from where on: TailAll is what the files hold, TailNew only what comes after the call.
	From TailFrom
	// Every is how often the files are looked at, 200 ms when zero.
	Every time.Duration
}

// TailFrom is where Tail begins.
type TailFrom int

// Where Tail begins.
const (
	TailAll TailFrom = iota
	TailNew
)

// Tail follows a journal, of a running process or none, until ctx ends or the caller stops. It reads the files, so that the
// process that writes them is not asked and not hindered; an event may be seen some microseconds before it is acknowledged. Bytes at
// the end of the newest file that are no event yet are waited for, and told as Damage once a newer file follows.
func Tail(ctx context.Context, dir string, o TailOptions) iter.Seq2[Event, error] {
	if o.Every <= 0 {
		o.Every = 200 * time.Millisecond
	}
	return func(yield func(Event, error) bool) {
		t := tail{dir: dir, readers: map[string]*segmentReader{}}
		if o.From == TailNew && !t.pass(func(Event, error) bool { return true }) {
			return
		}
		ticker := time.NewTicker(o.Every)
		defer ticker.Stop()
		for t.pass(yield) {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	}
}

type tail struct {
	dir     string
	readers map[string]*segmentReader
	last    Event
	failed  bool
}

// pass yields what is new in all files.
func (t *tail) pass(yield func(Event, error) bool) bool {
	segments, err := listSegments(t.dir)
	if err != nil {
		if t.failed {
			return true // told already
		}
		t.failed = true
		return yield(Event{}, err)
	}
	t.failed = false
	live := make(map[string]*segmentReader, len(segments))
	for i, s := range segments {
		r := t.readers[s.path]
		if r == nil {
			r = &segmentReader{path: s.path}
		}
		live[s.path] = r
		if !r.follow(&t.last, i == len(segments)-1, yield) {
			return false
		}
	}
	t.readers = live
	return true
}

// follow is all, but for the newest file stops where an event may still be being written.
func (r *segmentReader) follow(last *Event, newest bool, yield func(Event, error) bool) bool {
	if newest && r.off > 0 && !r.grown() {
		return true
	}
	before, more := r.off, true
	r.all(last, func(e Event, err error) bool {
		if damage := (*Damage)(nil); errors.As(err, &damage) && newest {
			r.off = before
			return false
		}
		before = r.off
		more = yield(e, err)
		return more
	})
	return more
}

// grown reports whether something was written where reading stopped.
func (r *segmentReader) grown() bool {
	f, err := os.Open(r.path)
	if err != nil {
		return true // all tells what is wrong
	}
	defer f.Close()
	var b [4]byte
	n, err := f.ReadAt(b[:], int64(r.off))
	return b != [4]byte{} || n == 0 && !isEOF(err)
}
