// Package trail keeps security events: durable before the refusal is answered, in order, tamper-evident, and shipped to
// PostgreSQL exactly once.
//
// An event goes one way: Record → fold (repeats of one source become a count) → fixed (id, node, epoch, sequence, hash) →
// journal (one fsync for all who wait) → acknowledged → shipped in batches to a Store → verified by hash → its journal
// space freed. What a Store holds and what the journal still has are together all that was accepted.
//
// To add a place that events also go to, write sink_NAME.go with a type that implements Sink: it has its own queue,
// deadline and breaker, and can hinder nobody else. To add a field to Event, give it a bound in event_bounds.go, append it
// to the canonical encoding under a new version, and teach Decode both.
package trail
