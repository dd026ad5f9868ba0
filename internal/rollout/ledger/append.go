package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ringfencehq/ringfence/internal/attest"
	"github.com/ringfencehq/ringfence/internal/pg"
	"github.com/ringfencehq/ringfence/internal/secret"
)

// Entries returns the entries, in order. They are the log's: do not change them.
func (l *Log) Entries() []Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries
}

// Store returns the store that is read first.
func (l *Log) Store() Store {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stores[0]
}

// Append writes what happened to every store, after what others wrote meanwhile. What is about to be done (a stage begins, its code goes
// out, the rollout ends) is refused with ErrConflict where others went on with the same stage since this log was read: it was decided on without that. It
// is durable in the store that leads; another one that fails is brought up by a later entry, or when the log is opened again.
func (l *Log) Append(ctx context.Context, at time.Time, kind Kind, stage string, body any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		meanwhile, err := l.takeIn(ctx)
		if l.yields(ctx, err) {
			continue
		}
		if err != nil {
			return err
		}
		if other := clash(l.done(meanwhile), kind, stage); other != nil {
			return fmt.Errorf("%w: %s", ErrConflict, other.told())
		}
		e, err := Next(l.entries, at, kind, stage, body)
		if err != nil {
			return err
		}
		err = l.stores[0].Append(ctx, e)
		if errors.Is(err, ErrConflict) && ctx.Err() == nil {
			continue // what is in its place is taken in, or is an error
		}
		if l.yields(ctx, err) {
			continue
		}
		if err != nil {
			return err
		}
		l.entries = append(l.entries, e)
		l.begun = l.begun || kind == KindBegun
		return l.mirror(ctx, e)
	}
}

// done is what others have done, of late too. Whose own run has begun is not stopped by others that begin one: the lease on the database
// turns them away, and what they get done is told by other entries.
func (l *Log) done(meanwhile []Entry) []Entry {
	all := slices.Concat(l.others, meanwhile)
	if l.begun {
		all = slices.DeleteFunc(all, func(e Entry) bool { return e.Kind == KindBegun })
	}
	return all
}

// Refresh takes in what others wrote.
func (l *Log) Refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if _, err := l.takeIn(ctx); !l.yields(ctx, err) {
			return err
		}
	}
}

// yields has another store lead where the first one fails, as on a full disk, and reports whether there is one that is whole.
func (l *Log) yields(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrDisagree) || errors.Is(err, ErrChain) || errors.Is(err, ErrEvidence) {
		return false
	}
	for i := 1; i < len(l.stores); i++ {
		if l.late[i] {
			continue
		}
		l.fails(0, err)
		l.stores[0], l.stores[i] = l.stores[i], l.stores[0]
		l.late[0], l.late[i] = false, true
		return true
	}
	return false
}

// takeIn reads what others wrote since, from every store that answers, and returns it.
func (l *Log) takeIn(ctx context.Context) ([]Entry, error) {
	known, from := len(l.entries), 0
	found := make([][]Entry, len(l.stores))
	for i, s := range l.stores {
		entries, err := s.Entries(ctx, known)
		if err != nil {
			if i == 0 || ctx.Err() != nil {
				return nil, err
			}
			l.fails(i, err)
			continue
		}
		if found[i] = entries; len(entries) > len(found[from]) {
			from = i
		}
	}
	longest := found[from]
	if len(longest) == 0 {
		return nil, nil
	}
	if err := follows(l.entries, longest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisagree, err)
	}
	for i, entries := range found {
		if n := len(entries); n > 0 && entries[n-1].Hash != longest[n-1].Hash {
			return nil, fmt.Errorf("%w from entry %d on", ErrDisagree, known+1)
		}
		if i > 0 {
			l.late[i] = l.late[i] || len(entries) < len(longest)
		}
	}
	if err := catchUp(ctx, l.stores[0], l.stores[from], longest[len(found[0]):]); err != nil {
		return nil, err
	}
	l.entries = slices.Concat(l.entries, longest)
	l.others = append(l.others, slices.DeleteFunc(slices.Clone(longest), func(e Entry) bool { return !slices.Contains(deeds, e.Kind) })...)
	return longest, nil
}

// deeds are the kinds of entries that change a stage, or are about to. Two operators do not take turns at it: of what others have done
// since a log was opened its owner knows nothing, whatever else was taken in since.
var deeds = []Kind{KindObserving, KindBegun, KindApplied, KindDeploying, KindOut, KindReturning, KindReturned, KindClosed}

// clash gives the first entry that others wrote that concerns what is about to be done; nil: none does.
func clash(meanwhile []Entry, kind Kind, stage string) *Entry {
	if kind != KindBegun && kind != KindDeploying && kind != KindClosed && kind != KindCreated {
		return nil // it has happened, or was measured: it is kept, whatever else has happened
	}
	at := slices.IndexFunc(meanwhile, func(e Entry) bool {
		same := e.Stage == "" || stage == "" || Group(e.Stage) == Group(stage)
		return same && e.Kind != KindSample && e.Kind != KindPage
	})
	if at < 0 {
		return nil
	}
	return &meanwhile[at]
}

// told says in a line what an entry is, and whose, where its body tells.
func (e *Entry) told() string {
	var body struct{ Name, By string }
	_ = json.Unmarshal(e.Body, &body) // one that tells neither
	words := []string{"entry", strconv.Itoa(e.Sequence), string(e.Kind), body.Name}
	if e.Stage != "" {
		words = append(words, "of", e.Stage)
	}
	if body.By != "" {
		words = append(words, "by", body.By)
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ") + ", " + e.At.Format(time.RFC3339)
}

// mirror writes an entry to the other stores.
func (l *Log) mirror(ctx context.Context, e Entry) error {
	for i := 1; i < len(l.stores); i++ {
		err := l.copyTo(ctx, i, e)
		if errors.Is(err, ErrDisagree) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			l.fails(i, err)
		}
	}
	return nil
}

// copyTo writes an entry to another store, with all that it lacks.
func (l *Log) copyTo(ctx context.Context, i int, e Entry) error {
	s := l.stores[i]
	if !l.late[i] {
		return put(ctx, s, e)
	}
	have, err := s.Entries(ctx, 0)
	if err != nil {
		return err
	}
	n := min(len(have), len(l.entries))
	if n > 0 && have[n-1].Hash != l.entries[n-1].Hash {
		return fmt.Errorf("%w from one of the first %d entries on", ErrDisagree, n)
	}
	if err := catchUp(ctx, s, l.stores[0], l.entries[n:]); err != nil {
		return err
	}
	l.late[i] = false
	return nil
}

// put writes an entry to a store that may have it already, since another process brought it up.
func put(ctx context.Context, s Store, e Entry) error {
	err := s.Append(ctx, e)
	if !errors.Is(err, ErrConflict) {
		return err
	}
	there, err := s.Entries(ctx, e.Sequence-1)
	if err == nil && (len(there) == 0 || there[0].Hash != e.Hash) {
		err = fmt.Errorf("%w from entry %d on", ErrDisagree, e.Sequence)
	}
	return err
}

// fails notes that a store does not answer.
func (l *Log) fails(i int, err error) {
	if !l.late[i] && l.Note != nil {
		l.Note("a copy of the log does not answer, and is brought up once it does: " + secret.Redact(pg.Cause(err)))
	}
	l.late[i] = true
}

// Keep keeps raw evidence in every store.
func (l *Log) Keep(ctx context.Context, raw []byte) (attest.Digest, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		_, err := l.stores[0].Keep(ctx, raw)
		if err == nil {
			break
		}
		if !l.yields(ctx, err) {
			return "", err
		}
	}
	for i, s := range l.stores[1:] {
		if _, err := s.Keep(ctx, raw); err != nil {
			if ctx.Err() != nil {
				return "", err
			}
			l.fails(i+1, err)
		}
	}
	return attest.DigestOf(raw), nil
}

// Group is the stage that a database's name belongs to, as in production.eu; a stage of one database is its own.
func Group(stage string) string {
	group, _, _ := strings.Cut(stage, ".")
	return group
}
