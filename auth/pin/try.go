package pin

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ringfencehq/ringfence"
)

// maxShown bounds each text of a try.
const maxShown = 256

// winner is who showed the right PIN.
type winner struct {
	tenant     ringfence.Tenant
	user       string
	roles      []string
	device     device
	generation int64
}

// try compares one PIN. It goes the same way whatever is wrong: count against the throttles, wait for a slot, count against the
// user, hash once, compare. Where there is nothing to count against or compare with, nobody's row and a random hash stand in.
func (s *Service) try(ctx context.Context, t Try) (winner, error) {
	began := time.Now()
	w := winner{device: parseDevice(t.Device)}
	a, err := s.store.admit(ctx, t.From.network(), w.device, clean(t.User), s.o.Limits)
	if err != nil {
		s.o.Stats.Tried(Uncounted)
		return winner{}, err
	}
	if a.state != "go" && a.state != "unknown" {
		s.o.Stats.Tried(Throttled)
		s.record(ctx, t.From, ringfence.Event{Type: ringfence.RateLimited, User: clean(t.User), Tenant: a.tenant}, "reason", a.state)
		return winner{}, &ThrottledError{a.wait}
	}
	reason := s.who(&w, t, a)
	if err := s.gate.enter(ctx); err != nil {
		s.o.Stats.Tried(Busy)
		return winner{}, ErrBusy
	}
	c, right, err := s.compare(ctx, w, t.PIN, reason == "")
	s.gate.leave()
	switch {
	case err != nil:
		s.o.Stats.Tried(Uncounted)
		return winner{}, err
	case right:
		w.generation = c.generation
		w.roles, err = s.member(ctx, t.From, w.tenant, w.user)
		if err == nil {
			return w, nil
		}
		s.o.Stats.Tried(Wrong)
		if !errors.Is(err, ErrRefused) { // it was right, and the fault is ours: nobody is locked for that
			_, failed := s.store.finish(ctx, t.From.network(), w.device, w.tenant.String(), w.user, w.generation, nil, 0)
			return winner{}, errors.Join(err, failed)
		}
		s.until(ctx, began.Add(s.floor))
		return winner{}, err
	}
	s.refuse(ctx, t, a, c, w, reason)
	s.until(ctx, began.Add(s.floor))
	return winner{}, ErrRefused
}

// who fills in the tenant and the user that a try is for, and says what speaks against it before any PIN is looked at.
func (s *Service) who(w *winner, t Try, a admission) (reason string) {
	w.user = clean(t.User)
	if a.state == "unknown" {
		return "device"
	}
	var err error
	if w.tenant, err = s.o.ParseTenant(a.tenant); err != nil {
		return "tenant"
	}
	if t.Tenant != "" {
		if shown, err := s.o.ParseTenant(t.Tenant); err != nil || shown != w.tenant {
			return "tenant"
		}
	}
	if a.bound != "" {
		if w.user != "" && w.user != a.bound {
			return "bound"
		}
		w.user = a.bound
	}
	if w.user == "" {
		return "user"
	}
	return ""
}

// compare counts the try against the user and hashes once.
func (s *Service) compare(ctx context.Context, w winner, pin string, counts bool) (credential, bool, error) {
	tenant, user := w.tenant.String(), w.user
	if !counts {
		tenant, user = "", "nobody"
	}
	c, err := s.store.begin(ctx, tenant, user, s.o.Limits)
	if err != nil {
		return c, false, err
	}
	with := s.dummy
	if c.state == "try" && c.cost.valid() {
		with = c
	}
	mixed, ok := s.o.Peppers.mix(with.pepper, tenant, user, pin[:min(len(pin), maxShown)])
	if !ok {
		s.o.Log.Error("a PIN was set under a pepper that is not among the keys", "pepper", with.pepper)
		mixed, with = make([]byte, hashBytes), s.dummy
	}
	began := time.Now()
	right := equal(with.cost.hash(mixed, with.salt), with.hash)
	s.o.Stats.Hashed(time.Since(began))
	return c, right && ok && c.state == "try", nil
}

// refuse records what was wrong. Only the trail learns it.
func (s *Service) refuse(ctx context.Context, t Try, a admission, c credential, w winner, reason string) {
	e := ringfence.Event{Type: ringfence.PINFailed, User: w.user, Tenant: a.tenant}
	outcome := Wrong
	switch {
	case reason == "device":
		e.Type = ringfence.DeviceUnknown
	case reason == "tenant":
		e.Type, e.AttemptedTenant = ringfence.CrossTenant, t.Tenant
	case reason != "":
	case c.state == "locked" || c.last:
		e.Type, reason, outcome = ringfence.PINLocked, c.state, Locked
	case c.state == "unknown":
		reason = "user"
	default:
		reason = "pin"
	}
	s.o.Stats.Tried(outcome)
	s.record(ctx, t.From, e, "reason", reason, "device", w.device.id.String())
}

// until waits for a moment, or for the end of the context.
func (s *Service) until(ctx context.Context, at time.Time) {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// clean is a user's name as it may be looked up: none at all where it is no short, printable text.
func clean(user string) string {
	if len(user) > maxShown || !utf8.ValidString(user) || strings.ContainsFunc(user, unicode.IsControl) {
		return ""
	}
	return user
}
