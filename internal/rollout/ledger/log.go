// Package ledger keeps a rollout's log: entries that each cover the one before by its hash, in the target's database and in a directory
// that can be committed. Either alone is enough to go on; two that disagree are an error, and several processes may write at once.
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
)

// An Entry is one thing that happened. Its hash covers the entry before it, so that none can be changed, taken out or put in.
type Entry struct {
	Sequence int             `json:"sequence"` // from 1, without gaps
	At       time.Time       `json:"at"`       // UTC, to the microsecond
	Kind     Kind            `json:"kind"`
	Stage    string          `json:"stage"` // empty: the whole rollout
	Body     json.RawMessage `json:"body"`
	Previous attest.Digest   `json:"previous"` // hash of the entry before; of the first one: empty
	Hash     attest.Digest   `json:"hash"`
}

// A Kind says what an entry's body is.
type Kind string

// The kinds of entries.
const (
	KindCreated   Kind = "created"   // Rollout
	KindFact      Kind = "fact"      // Fact
	KindSignature Kind = "signature" // attest.Envelope of an Approval
	KindWaiver    Kind = "waiver"    // attest.Envelope of a Waiver
	KindWord      Kind = "word"      // attest.Envelope of a Word
	KindWitness   Kind = "witness"   // attest.Envelope of a Witness
	KindObserving Kind = "observing" // Progress: the mode that refuses nothing was installed
	KindBegun     Kind = "begun"     // Progress: a stage or a cohort is being applied
	KindApplied   Kind = "applied"   // Progress
	KindSample    Kind = "sample"    // Sample: what the watch measured
	KindSignal    Kind = "signal"    // Signal: something that stops or is shown
	KindDeploying Kind = "deploying" // Progress: every cohort is applied and was watched, and the code is about to go out
	KindOut       Kind = "out"       // Progress: the stage is applied, was watched, and its code is out
	KindReturning Kind = "returning" // Return: a rung that is about to be done
	KindReturned  Kind = "returned"  // Return: what was taken back, by which rung
	KindPage      Kind = "page"      // Page: who was called, and whether anybody answered
	KindClosed    Kind = "closed"
)

// ErrChain says that a log is not whole: an entry was changed, taken out, put in or moved.
var ErrChain = errors.New("the log's chain does not hold")

// ErrConflict says that the place of an entry is taken, or that somebody else went on with the same stage meanwhile.
var ErrConflict = errors.New("somebody else went on with it meanwhile")

// A Store keeps entries. Append refuses an entry whose sequence is there (ErrConflict) and returns once the entry is durable.
type Store interface {
	Append(ctx context.Context, e Entry) error
	// Entries reads what comes after the entry of that number, in order; 0: all.
	Entries(ctx context.Context, after int) ([]Entry, error)
	// Keep keeps raw evidence under its digest; the same bytes twice is no error.
	Keep(ctx context.Context, raw []byte) (attest.Digest, error)
	Evidence(ctx context.Context, d attest.Digest) ([]byte, error)
}

// hash covers all of an entry but itself.
func (e *Entry) hash() attest.Digest {
	head, err := json.Marshal([]any{e.Sequence, e.At.UTC().Format(time.RFC3339Nano), e.Kind, e.Stage, e.Previous, attest.DigestOf(e.Body)})
	if err != nil { // strings and numbers always can be written
		panic(err)
	}
	return attest.DigestOf(head)
}

// Chain checks a log from its beginning.
func Chain(entries []Entry) error { return follows(nil, entries) }

// follows checks that entries go on where others end.
func follows(before, entries []Entry) error {
	previous := attest.Digest("")
	if n := len(before); n > 0 {
		previous = before[n-1].Hash
	}
	for i := range entries {
		e, place := &entries[i], len(before)+i+1
		switch {
		case e.Sequence != place:
			return fmt.Errorf("%w: entry %d stands in place %d", ErrChain, e.Sequence, place)
		case e.Previous != previous:
			return fmt.Errorf("%w: entry %d does not follow the one before it", ErrChain, e.Sequence)
		case e.Hash != e.hash():
			return fmt.Errorf("%w: entry %d was changed", ErrChain, e.Sequence)
		case place == 1 && e.Kind != KindCreated:
			return fmt.Errorf("%w: the first entry is missing", ErrChain)
		}
		previous = e.Hash
	}
	return nil
}

// Next makes the entry that follows. The body is compacted, so that it reads the same from a file, a table and a bundle.
func Next(entries []Entry, at time.Time, kind Kind, stage string, body any) (Entry, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return Entry{}, fmt.Errorf("writing to the log: %w", err)
	}
	if raw, err = compact(raw); err != nil {
		return Entry{}, fmt.Errorf("writing to the log: %w", err)
	}
	e := Entry{Sequence: len(entries) + 1, At: at.UTC().Truncate(time.Microsecond), Kind: kind, Stage: stage, Body: raw}
	if len(entries) > 0 {
		e.Previous = entries[len(entries)-1].Hash
	}
	e.Hash = e.hash()
	return e, nil
}

// compact takes white space out of JSON.
func compact(raw []byte) (json.RawMessage, error) {
	var b bytes.Buffer
	err := json.Compact(&b, raw)
	return b.Bytes(), err
}

// A Log is a rollout's entries, in the stores that keep them. It is safe for concurrent use, by several processes too: each takes in what
// the others wrote. One store has to answer: it leads, and is read first. Another one that does not is brought up once it answers again.
type Log struct {
	// Note is told, in a sentence, that a store does not answer; nil: nobody is.
	Note func(string)

	stores []Store

	mu      sync.Mutex
	entries []Entry      // only ever added to
	late    map[int]bool // stores that lack entries, by their place
	others  []Entry      // what others have done since it was opened
	begun   bool         // a run was begun with this log
}

// ErrDisagree says that two stores of one log tell different things: neither is taken for the right one.
var ErrDisagree = errors.New("the log in the database and the one in the directory disagree")

// OpenLog reads a log from its stores (the directory, the database, or both). Where one of them is behind, it is brought up; where
// they disagree, the error says from which entry on.
func Open(ctx context.Context, stores ...Store) (*Log, error) {
	l, all, longest, err := readLogs(ctx, stores)
	if err != nil {
		return nil, err
	}
	for i, s := range stores {
		if err := catchUp(ctx, s, stores[longest], l.entries[len(all[i]):]); err != nil {
			return nil, fmt.Errorf("bringing up a log that was behind: %w", err)
		}
	}
	return l, nil
}

// ReadLog is OpenLog for readers: a store that is behind stays so. It returns which stores are behind by how many entries.
func Read(ctx context.Context, stores ...Store) (l *Log, behind []int, err error) {
	l, all, longest, err := readLogs(ctx, stores)
	if err != nil {
		return nil, nil, err
	}
	for _, entries := range all {
		behind = append(behind, len(l.entries)-len(entries))
	}
	l.stores[0], l.stores[longest] = l.stores[longest], l.stores[0]
	return l, behind, nil
}

// readLogs reads and compares the stores.
func readLogs(ctx context.Context, stores []Store) (l *Log, all [][]Entry, longest int, err error) {
	l = &Log{stores: slices.Clone(stores), late: map[int]bool{}}
	all = make([][]Entry, len(stores))
	for i, s := range stores {
		entries, err := s.Entries(ctx, 0)
		if err != nil {
			return nil, nil, 0, err
		}
		if err := Chain(entries); err != nil {
			return nil, nil, 0, err
		}
		if all[i] = entries; len(entries) > len(l.entries) {
			l.entries, longest = entries, i
		}
	}
	for i := range stores {
		for n := range all[i] {
			if all[i][n].Hash != l.entries[n].Hash {
				return nil, nil, 0, fmt.Errorf("%w from entry %d on", ErrDisagree, n+1)
			}
		}
	}
	return l, all, longest, nil
}

// catchUp copies entries, and the evidence that they name before them, to a store that was behind.
func catchUp(ctx context.Context, behind, ahead Store, entries []Entry) error {
	for _, d := range EvidenceOf(entries) {
		raw, err := ahead.Evidence(ctx, d)
		if err != nil {
			return err
		}
		if _, err := behind.Keep(ctx, raw); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := put(ctx, behind, e); err != nil {
			return err
		}
	}
	return nil
}

// EvidenceOf lists the pieces of evidence that entries name.
func EvidenceOf(entries []Entry) []attest.Digest {
	var out []attest.Digest
	for _, e := range entries {
		var named struct {
			Evidence attest.Digest `json:"evidence"`
			Plan     attest.Digest `json:"plan"`
			Rollback attest.Digest `json:"rollback"`
			People   attest.Digest `json:"approvers"`
			Signed   attest.Digest `json:"approvers_signature"`
			Asked    attest.Digest `json:"definition"`
			Config   attest.Digest `json:"config"`
		}
		if err := json.Unmarshal(e.Body, &named); err != nil {
			continue // a body that names nothing
		}
		for _, d := range []attest.Digest{named.Plan, named.Rollback, named.People, named.Signed, named.Asked, named.Config, named.Evidence} {
			if digestText.MatchString(string(d)) {
				out = append(out, d)
			}
		}
	}
	return out
}
