package trail

import "context"

// Stored is what a store holds for one event of a batch.
type Stored struct {
	Row  ID   // the key that was asked for
	Hash Hash // the hash of what the store holds under that key
}

// Store is where events stay: in the product, the table in PostgreSQL behind its definer function.
//
// Append stores the events in order, all that are new or none, and returns when they are committed (synchronous_commit at
// least on), one Stored for each event of the batch in its order. Under a key that is taken already nothing is stored, and
// the hash that stands there is returned: equal to the event's own, it was stored before (a repeat after an ambiguous
// commit); different, it is a clash, and the caller repeats the event under its NextRow. An event is found again by its Row;
// nothing is ever stored twice. Events of a node and epoch come in ascending Sequence; a hole is stored over (the journal says so with a
// TrailGap event) and is for verification to find, never a reason to refuse.
//
// An error means that it is not known whether anything was stored; the caller repeats the same batch. Append honours its
// context's deadline. It is not called concurrently by one Trail, but several nodes may share one database.
type Store interface {
	Append(ctx context.Context, batch []Event) ([]Stored, error)
}

// Sink is a further place that events are sent to: at least once, in order while it keeps up, and never at the cost of
// others. An error means that the whole batch is sent again. What a sink cannot take in time is left out and counted: the
// store is the record.
type Sink interface {
	Send(ctx context.Context, batch []Event) error
}
