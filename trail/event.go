package trail

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"time"

	"github.com/ringfencehq/ringfence"
)

// Event is one record of the trail: what a source told, cleaned and bounded, and what fixes its place. All of it is
// decided before any I/O and never changed after; Row alone may move (see there).
type Event struct {
	ringfence.Event

	// ID names the event for good, a UUIDv7. Within one epoch ids ascend with Sequence.
	ID ID
	// Row is the key under which a store holds the event. It equals ID, unless a store already held something else under
	// that key: then NextRow gives the next one. It is not part of the hash.
	Row ID
	// Node names the process's place, Epoch its start (ascending over all starts of the node), Sequence the event's place
	// in the epoch: 1, 2, 3 and so on without holes. Sequence 1 is always a NodeStarted.
	Node            string
	Epoch, Sequence int64
	// Created is when the event was accepted: UTC, in microseconds, and never before that of the event before it.
	Created time.Time
	// Count is how many occurrences the record stands for, at least 1; First and Last are when they happened. A record
	// with a Count above 1 is a sum of repeats: an earlier record with equal Type, User, Tenant, AttemptedTenant and
	// Address told of the first.
	Count       int64
	First, Last time.Time
	// Previous is the Hash of the event before it in the epoch, zero for Sequence 1. Hash is that of the event itself, over
	// its canonical encoding, Previous included.
	Previous, Hash Hash
}

// Hash is a SHA-256.
type Hash [sha256.Size]byte

// String returns the hash in lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads what String wrote.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return Hash{}, fmt.Errorf("reading a hash: %d digits, want %d", len(s), hex.EncodedLen(len(h)))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("reading a hash: %w", err)
	}
	return h, nil
}

// hashDomain keeps an event's hash apart from every other use of SHA-256; the number is the encoding's version.
const hashDomain = "ringfence trail event v1\x00"

// Digest computes the hash that the event's fields ask for. An event is unchanged when it equals Hash.
func (e *Event) Digest() Hash {
	return digest(e.AppendCanonical(nil))
}

func digest(canonical []byte) Hash {
	h := sha256.New()
	h.Write([]byte(hashDomain))
	h.Write(canonical)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// NextRow returns the key to try when a store holds something else under Row. It depends on the event's hash and on Row
// alone, so that whoever repeats the attempt, after a crash too, comes to the same key and never stores an event twice. The time
// in it is that of Row: the event stays in the same partition.
func (e *Event) NextRow() ID {
	h := sha256.New()
	h.Write([]byte("ringfence trail row v1\x00"))
	h.Write(e.Row[:])
	h.Write(e.Hash[:])
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	id := e.Row
	copy(id[6:], sum[:10])
	return id.stamp()
}

// clone returns a copy that shares nothing that can be changed.
func (e *Event) clone() Event {
	c := *e
	c.Detail = maps.Clone(e.Detail)
	return c
}
