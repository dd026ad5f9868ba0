package trail

import (
	"log/slog"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Options say where a trail keeps its events. Dir and Node are asked for; everything else has a default.
type Options struct {
	// Dir is the journal's directory, made when it is not there. One process writes it at a time.
	Dir string
	// Node names this process's place, the same at every start: at most 64 bytes. Two nodes of one store have different
	// names.
	Node string
	// Store is where events are shipped to. Without one they stay in the journal.
	Store Store
	// Sinks are further places, by name.
	Sinks map[string]Sink

	// Patience bounds how long Record waits where its context has no deadline; 2 s when zero.
	Patience time.Duration
	// SegmentSize is the size of a journal file, and of the room kept for a full disk; DefaultSegmentSize when zero.
	SegmentSize int64
	// FoldWindow and FoldSources bound folding; DefaultFoldWindow and DefaultFoldSources when zero.
	FoldWindow  time.Duration
	FoldSources int
	// Batch is how many events are shipped at once; DefaultBatch when zero.
	Batch int
	// ShipTimeout bounds one call of Store and Sinks; 10 s when zero.
	ShipTimeout time.Duration
	// SelfTestEvery is how often a self-test event proves the whole path, after the one at start; 5 minutes when zero.
	SelfTestEvery time.Duration

	// Page is called with what a person must know at once. It may block: it is called on a goroutine of its own, one alarm
	// after the other.
	Page func(Alarm)
	// Log gets one line for each alarm and for each change of the store's state; slog's default when nil. No event's
	// content is ever logged.
	Log *slog.Logger
	// Now is the clock; time.Now when nil.
	Now func() time.Time

	disk disk // tests put faults in its place
}

// Alarm is what a person must know at once. Text holds no content of an event.
type Alarm struct {
	Kind AlarmKind
	Text string
}

// AlarmKind names why it pages.
type AlarmKind string

// The kinds of alarm.
const (
	AlarmLost   AlarmKind = "lost"   // an event is neither on disk nor in the store
	AlarmDisk   AlarmKind = "disk"   // a journal file could not be written; another one was tried
	AlarmSpace  AlarmKind = "space"  // no room can be kept for a full disk
	AlarmTamper AlarmKind = "tamper" // TrailTamper or TrailGap was recorded
	AlarmStore  AlarmKind = "store"  // the store refuses, or does not answer
)

// DefaultBatch is how many events are shipped at once.
const DefaultBatch = 2000

func (o Options) withDefaults() Options {
	setDefault(&o.Patience, 2*time.Second)
	setDefault(&o.SegmentSize, DefaultSegmentSize)
	setDefault(&o.FoldWindow, DefaultFoldWindow)
	setDefault(&o.FoldSources, DefaultFoldSources)
	setDefault(&o.Batch, DefaultBatch)
	setDefault(&o.ShipTimeout, 10*time.Second)
	setDefault(&o.SelfTestEvery, 5*time.Minute)
	if o.Page == nil {
		o.Page = func(Alarm) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.disk == nil {
		o.disk = osDisk{}
	}
	return o
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// folds reports whether repeats of an event are counted: refusals are, since a stranger can cause any number of them. What
// somebody with rights did is recorded each time.
func folds(e *ringfence.Event) bool { return e.Type.Refusal() }
