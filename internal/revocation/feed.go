package revocation

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway"
)

// Bus carries messages to every process, each at most once. Implementations are safe for concurrent use.
type Bus interface {
	// Publish returns once the message is on its way.
	Publish(ctx context.Context, message []byte) error
	// Subscribe calls deliver for each message, one after the other, and missed when some may have been lost: after the
	// connection was cut and made again.
	Subscribe(deliver func([]byte), missed func()) error
}

// Options of a Feed. One of Store and Bus is needed.
type Options struct {
	Store       *Store
	Bus         Bus
	ParseTenant func(string) (ringfence.Tenant, error)
	Poll        time.Duration // how long a lost message is late at most; 1 s
	Whole       time.Duration // how often the table is read from its begin; a minute
	Timeout     time.Duration // of one poll; 5 s
	// Skew is how far the clocks of issuers and the database may be apart: a member's or tenant's tokens are refused where they
	// were issued up to that long after the revocation. 30 s.
	Skew time.Duration
	// Forget is called for each revocation before it is applied: for caches of what it tells. nil: nothing.
	Forget func(gateway.Revocation)
	Log    *slog.Logger
}

// Feed follows revocations. It is a gateway.Revocations, which cuts sockets, and an auth.Revocations, which refuses tokens.
// Safe for concurrent use.
type Feed struct {
	o      Options
	held   held
	loaded atomic.Bool
	wake   chan struct{}

	mu     sync.Mutex
	apply  func(gateway.Revocation)
	health Health
}

// Health is how a Feed fares.
type Health struct {
	Loaded   bool      // the table was read once; true where there is none
	LastPoll time.Time // that succeeded
	Err      error     // of the last poll; nil where it succeeded
	Held     int       // revocations that are held at present
}

// grace is how long the table may be behind the bus: what it does not confirm by then is no revocation.
const grace = 30 * time.Second

// maxMessage bounds a message of the bus.
const maxMessage = 4 << 10

// NewFeed returns a feed that does not follow yet: Subscribe begins.
func NewFeed(o Options) (*Feed, error) {
	if o.Store == nil && o.Bus == nil || o.ParseTenant == nil {
		return nil, errors.New("following revocations: it wants a table or a bus, and a way to read tenants")
	}
	o.Poll, o.Whole, o.Timeout = cmp.Or(o.Poll, time.Second), cmp.Or(o.Whole, time.Minute), cmp.Or(o.Timeout, 5*time.Second)
	o.Skew = cmp.Or(o.Skew, 30*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Forget == nil {
		o.Forget = func(gateway.Revocation) {}
	}
	f := &Feed{o: o, held: held{skew: o.Skew, all: map[grip]mark{}}, wake: make(chan struct{}, 1), apply: func(gateway.Revocation) {}}
	f.loaded.Store(o.Store == nil)
	return f, nil
}

// Subscribe implements gateway.Revocations: it follows until the context ends. Where the table cannot be read yet it goes on
// trying; Loaded tells when it was.
func (f *Feed) Subscribe(ctx context.Context, apply func(gateway.Revocation)) error {
	f.mu.Lock()
	f.apply = apply
	f.mu.Unlock()
	if f.o.Bus != nil {
		if err := f.o.Bus.Subscribe(f.hear, f.poke); err != nil {
			return fmt.Errorf("subscribing to the bus: %w", err)
		}
	}
	if f.o.Store != nil {
		cursor := f.poll(ctx, FromStart)
		go f.follow(ctx, cursor)
	} else {
		go f.settle(ctx)
	}
	return nil
}

// settle forgets what has ended, where no poll does.
func (f *Feed) settle(ctx context.Context) {
	tick := time.NewTicker(f.o.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			f.held.settle(now, time.Time{})
		}
	}
}

// Revoked implements auth.Revocations.
func (f *Feed) Revoked(id ringfence.Identity) bool { return f.held.revoked(id) }

// Loaded reports whether what was revoked before this process began is known. Until then nobody can say that a token is good.
func (f *Feed) Loaded() bool { return f.loaded.Load() }

// Health tells how the feed fares.
func (f *Feed) Health() Health {
	f.mu.Lock()
	defer f.mu.Unlock()
	h := f.health
	h.Loaded, h.Held = f.loaded.Load(), f.held.len()
	return h
}

// Tell takes a revocation that this process has made itself: here it holds when Tell returns, not only from the next poll on.
func (f *Feed) Tell(e Entry) { f.take(e, time.Time{}, true) }

// Carry puts a revocation on the bus. What is stored holds without it, and is late.
func Carry(ctx context.Context, b Bus, e Entry) error {
	message, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing a revocation for the bus: %w", err)
	}
	return b.Publish(ctx, message)
}

// poke has the table polled at once.
func (f *Feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// hear takes a message of the bus.
func (f *Feed) hear(message []byte) {
	var e Entry
	if len(message) > maxMessage || json.Unmarshal(message, &e) != nil {
		f.o.Log.Warn("the bus carried a revocation that cannot be read")
		f.poke()
		return
	}
	heard := time.Now()
	if f.o.Store == nil {
		heard = time.Time{} // nobody else will say so
	}
	f.take(e, heard, true)
}

// take holds one entry and, where it is news, has it acted on: the table gives some twice, and all of them behind a fault, and
// what was acted on long ago does not cut who came back since.
func (f *Feed) take(e Entry, heard time.Time, act bool) {
	r, err := f.read(e)
	if err != nil {
		f.o.Log.Warn("a revocation cannot be read", "id", e.ID, "kind", e.Kind, "error", err)
		return
	}
	if !f.held.put(gripOf(r), mark{at: e.At, ends: e.Ends, heard: heard}) || !act {
		return
	}
	f.o.Forget(r)
	f.mu.Lock()
	apply := f.apply
	f.mu.Unlock()
	apply(r)
}

func (f *Feed) read(e Entry) (gateway.Revocation, error) {
	r := gateway.Revocation{User: e.User, ID: e.Subject, At: e.At}
	kind := slices.Index(gateway.RevocationKinds, e.Kind)
	if kind < 0 {
		return r, errors.New("an unknown kind")
	}
	r.Kind = gateway.RevocationKind(kind)
	if e.Tenant == "" {
		return r, nil
	}
	var err error
	byID := r.Kind == gateway.RevokeToken || r.Kind == gateway.RevokeSession
	if r.Tenant, err = f.o.ParseTenant(e.Tenant); err != nil && !byID {
		return r, errors.New("its tenant is none of this gateway's kind")
	}
	return r, nil
}

// follow polls until the context ends. Every Whole it reads all: a standby that took over behind a pooler may give numbers again that
// the cursor is past, and nothing fails for it.
func (f *Feed) follow(ctx context.Context, cursor string) {
	tick := time.NewTicker(f.o.Poll)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.wake:
		}
		if now := time.Now(); now.Sub(began) >= f.o.Whole {
			cursor, began = FromStart, now
		}
		cursor = f.poll(ctx, cursor)
	}
}

// poll takes what is new, and returns from where to go on. Behind a fault the table is read from its begin: the database may
// be another one by now, with other numbers of transactions.
func (f *Feed) poll(ctx context.Context, cursor string) string {
	ctx, stop := context.WithTimeout(ctx, f.o.Timeout)
	defer stop()
	began := time.Now()
	all, next, err := f.o.Store.Since(ctx, cursor)
	f.mu.Lock()
	failed := f.health.Err != nil
	f.health.Err = err
	if err == nil {
		f.health.LastPoll = time.Now()
	}
	f.mu.Unlock()
	if err != nil {
		if !failed && ctx.Err() != context.Canceled {
			f.o.Log.Warn("revocations could not be read; the bus goes on", "error", err)
		}
		return FromStart
	}
	if failed {
		f.o.Log.Info("revocations can be read again")
	}
	for _, e := range all {
		f.take(e, time.Time{}, f.loaded.Load()) // before that, nobody was let in who could be cut
	}
	f.loaded.Store(true)
	f.held.settle(time.Now(), began.Add(-grace))
	return next
}
