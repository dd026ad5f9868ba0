package trail

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Folding's bounds.
const (
	// DefaultFoldWindow is how long repeats are counted before the count is recorded. While a source goes on, its window
	// doubles up to maxFoldWindow.
	DefaultFoldWindow = time.Second
	maxFoldWindow     = 16 * time.Second
	// DefaultFoldSources is how many sources are remembered. Beyond it the one heard from longest ago is recorded and
	// forgotten: its next event is a first one again.
	DefaultFoldSources = 32768

	foldShards = 32
)

// folder counts repeats of one source, so that a flood becomes few records. The first event of a source is never held
// back, and no count is dropped: it is recorded when its window ends, when the source has to make room, and at the end.
type folder struct {
	window time.Duration
	most   int // sources in each shard
	now    func() time.Time
	seeds  [2]maphash.Seed
	shards [foldShards]foldShard
}

type foldShard struct {
	mu      sync.Mutex
	sources map[foldKey]*list.Element
	recent  list.List // of *source, the one heard from last in front
	closed  bool
}

// foldKey is a hash of what makes two events repeats of each other; with seeds of the process's own, nobody can choose
// two sources that share one.
type foldKey [2]uint64

// source is one source and what is counted of it.
type source struct {
	key    foldKey
	ready  chan struct{} // closed when the first event is durable, or is not
	err    error         // why it is not; set before ready is closed
	window time.Duration
	until  time.Time
	sample ringfence.Event // the first repeat that count is of, cleaned
	count  int64
	first  time.Time
	last   time.Time
}

func newFolder(window time.Duration, sources int, now func() time.Time) *folder {
	f := &folder{window: window, most: max(sources/foldShards, 1), now: now, seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}}
	for i := range f.shards {
		f.shards[i].sources = make(map[foldKey]*list.Element)
	}
	return f
}

// key covers what tells one source's doing from another's: type, severity, tenants, user, address and operation. Session, user agent and
// the other details do not count: they are the client's to vary at no cost.
func (f *folder) key(e *ringfence.Event) foldKey {
	var k foldKey
	for i, seed := range f.seeds {
		var h maphash.Hash
		h.SetSeed(seed)
		for _, s := range [...]string{
			string(e.Type), string(e.Severity), e.Tenant, e.AttemptedTenant, e.User, hostOnly(e.Address), e.Detail["operation"],
		} {
			maphash.WriteComparable(&h, len(s))
			h.WriteString(s)
		}
		k[i] = h.Sum64()
	}
	return k
}

// verdict is what becomes of an offered event.
type verdict int

const (
	foldFirst  verdict = iota // the first of its source: the caller records it, and settles the source
	foldRepeat                // counted
	foldClosed                // all counts were taken for good
)

// offer counts an event as a repeat, or makes it the first of a source. evicted is the sum of a source that had to make
// room, or nil.
func (f *folder) offer(e *ringfence.Event) (s *source, v verdict, evicted *Event) {
	k, now := f.key(e), f.now()
	shard := &f.shards[k[0]%foldShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if shard.closed {
		return nil, foldClosed, nil
	}
	if at, ok := shard.sources[k]; ok {
		s = at.Value.(*source)
		shard.recent.MoveToFront(at)
		if s.count == 0 {
			s.sample, s.first = Clean(*e), now
		}
		s.count++
		s.last = now
		return s, foldRepeat, nil
	}
	s = &source{key: k, ready: make(chan struct{}), window: f.window, until: now.Add(f.window)}
	shard.sources[k] = shard.recent.PushFront(s)
	if shard.recent.Len() > f.most {
		at := shard.recent.Back()
		old := at.Value.(*source)
		shard.recent.Remove(at)
		delete(shard.sources, old.key)
		if old.count > 0 {
			sum := old.take()
			evicted = &sum
		}
	}
	return s, foldFirst, evicted
}

// settle tells those who repeat a source's first event whether it is durable. When it is not the source is forgotten, so that
// the next event is a first one again, and the repeats that were counted meanwhile are returned: their callers are told the
// error too.
func (f *folder) settle(s *source, err error) (counted int64) {
	if err != nil {
		shard := &f.shards[s.key[0]%foldShards]
		shard.mu.Lock()
		if at, ok := shard.sources[s.key]; ok && at.Value.(*source) == s {
			shard.recent.Remove(at)
			delete(shard.sources, s.key)
		}
		counted, s.count = s.count, 0
		shard.mu.Unlock()
		s.err = err
	}
	close(s.ready)
	return counted
}

// due takes the counts whose window ended; dueAll takes all for good, and nothing is counted after. A source without repeats since its last window is
// forgotten.
func (f *folder) due(which dueKind) []Event {
	now := f.now()
	var out []Event
	for i := range f.shards {
		shard := &f.shards[i]
		shard.mu.Lock()
		shard.closed = shard.closed || which == dueAll
		for at := shard.recent.Front(); at != nil; {
			s, next := at.Value.(*source), at.Next()
			ended := which == dueAll || !now.Before(s.until) || s.until.Sub(now) > 2*maxFoldWindow // the clock was set back
			switch {
			case ended && s.count == 0:
				shard.recent.Remove(at)
				delete(shard.sources, s.key)
			case ended:
				out = append(out, s.take())
				s.window = min(2*s.window, max(maxFoldWindow, f.window))
				s.until = now.Add(s.window)
			}
			at = next
		}
		shard.mu.Unlock()
	}
	return out
}

type dueKind int

const (
	dueEnded dueKind = iota
	dueAll
)

// take turns the count into an event, and begins at 0. The caller holds the shard's lock.
func (s *source) take() Event {
	e := Event{Event: s.sample, Count: s.count, First: toMicro(s.first), Last: toMicro(s.last)}
	s.count, s.sample = 0, ringfence.Event{}
	return e
}

func toMicro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
