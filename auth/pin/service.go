package pin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
)

// Service is the login. Safe for concurrent use.
type Service struct {
	o     Options
	store store
	gate  *gate
	// dummy stands where there is nothing to compare with, so that a try at nothing takes what one at something takes.
	dummy credential
	// floor is when a refusal is answered at the earliest, counted from the try: beyond what a hash takes, so that costs that
	// differ from one row to the next do not show.
	floor time.Duration
}

// New makes a Service. It measures what a hash takes.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Service{o: o, store: store{o.DB, o.Timeout}, gate: newGate(o.Hashes, o.Waiting, o.Wait)}
	s.dummy = credential{state: "unknown", salt: newSalt(), hash: make([]byte, hashBytes), cost: o.Cost, pepper: o.Peppers.current}
	rand.Read(s.dummy.hash)
	s.floor = 2 * min(o.Cost.time(), o.Cost.time(), o.Cost.time())
	return s, nil
}

// Serve forgets what has ended, once an hour, until the context ends.
func (s *Service) Serve(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if err := s.store.sweep(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("the login's tables were not swept", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// A Try is what somebody shows to log in, and where from. It prints as where it came from.
type Try struct {
	Device string // the device's token: it names the tenant
	Tenant string // what the client says; it is only compared
	User   string
	PIN    string
	From   Origin
}

// Origin is where a request comes from, as the server knows it.
type Origin struct {
	Address   netip.Addr
	UserAgent string
}

// network is the key that the server derives from an address: an IPv4 /24, an IPv6 /64.
func (o Origin) network() string {
	bits := 64
	at := o.Address.Unmap().WithZone("")
	if at.Is4() {
		bits = 24
	}
	p, err := at.Prefix(bits)
	if err != nil {
		return "none"
	}
	return p.String()
}

func (o Origin) text() string {
	if !o.Address.IsValid() {
		return ""
	}
	return o.Address.Unmap().String()
}

// Tokens are what a login gives. They print as nothing.
type Tokens struct {
	Access  string
	Refresh string
	Session string
	User    string
	Tenant  ringfence.Tenant
	Roles   []string
	Expires time.Time // of the access token, roughly
}

// ThrottledError says that a budget has no try left, and for how long.
type ThrottledError struct{ After time.Duration }

// Error does not say whose budget it was.
func (*ThrottledError) Error() string { return "too many tries" }

// ErrRefused is what every refused try gets, whatever was wrong with it.
var ErrRefused = errors.New("not accepted")

// Login tries a PIN and begins a session. A refusal is ErrRefused or a *ThrottledError and is on record by then; ErrBusy was not
// counted. Any other error is a fault on this side: nobody was let in. Its answer goes out at the same time whatever was wrong.
func (s *Service) Login(ctx context.Context, t Try) (Tokens, error) {
	var session id
	rand.Read(session[:])
	w, err := s.try(ctx, t)
	if err != nil {
		return Tokens{}, err
	}
	ok, err := s.store.finish(ctx, t.From.network(), w.device, w.tenant.String(), w.user, w.generation, &session, s.o.SessionLife)
	if err != nil || !ok {
		return Tokens{}, s.overtaken(ctx, t, w, err)
	}
	tokens, err := s.tokens(w.tenant, w.user, w.roles, session, 1, w.device)
	if err != nil {
		return Tokens{}, err
	}
	s.o.Stats.Tried(Accepted)
	s.record(ctx, t.From, ringfence.Event{Type: ringfence.PINSucceeded, User: w.user, Tenant: w.tenant.String(), Session: session.String()},
		"device", w.device.id.String())
	return tokens, nil
}

// Rotate changes a user's own PIN: the old one is tried like at a login. All of the user's sessions end.
func (s *Service) Rotate(ctx context.Context, t Try, next string) error {
	if err := CheckPIN(next, t.User); err != nil {
		return err
	}
	w, err := s.try(ctx, t)
	if err != nil {
		return err
	}
	if next == t.PIN {
		_, err := s.store.finish(ctx, t.From.network(), w.device, w.tenant.String(), w.user, w.generation, nil, 0)
		return errors.Join(err, ErrSame)
	}
	ok, err := s.store.finish(ctx, t.From.network(), w.device, w.tenant.String(), w.user, w.generation, nil, 0)
	if err != nil || !ok {
		return s.overtaken(ctx, t, w, err)
	}
	op := s.Operator()
	return op.set(ctx, t.From, w.tenant, w.user, next, &w.generation, "rotate")
}

// overtaken is the error of a right PIN that was changed or locked, or whose device ended, while it was compared.
func (s *Service) overtaken(ctx context.Context, t Try, w winner, err error) error {
	if err != nil {
		s.o.Stats.Tried(Uncounted)
		return err
	}
	s.o.Stats.Tried(Wrong)
	s.record(ctx, t.From, ringfence.Event{Type: ringfence.PINFailed, User: w.user, Tenant: w.tenant.String()}, "reason", "overtaken")
	return ErrRefused
}

// tokens signs an access token and makes the refresh token of a generation.
func (s *Service) tokens(tenant ringfence.Tenant, user string, roles []string, session id, generation int64, d device) (Tokens, error) {
	access, expires, err := s.o.Issuer.IssueUntil(ringfence.Identity{Tenant: tenant, User: user, Session: session.String(), Device: d.id.String(), Roles: roles})
	if err != nil {
		return Tokens{}, err
	}
	refresh, ok := s.o.Peppers.refreshToken(session, generation, d)
	if !ok {
		return Tokens{}, errors.New("making a refresh token: there is no key")
	}
	return Tokens{Access: access, Refresh: refresh, Session: session.String(), User: user, Tenant: tenant, Roles: roles, Expires: expires}, nil
}

// member asks for the roles of who showed the right PIN. No member is refused as a wrong PIN is.
func (s *Service) member(ctx context.Context, from Origin, tenant ringfence.Tenant, user string) ([]string, error) {
	roles, err := s.o.Members.Member(ctx, tenant, user)
	switch {
	case errors.Is(err, auth.ErrNotMember):
		s.record(ctx, from, ringfence.Event{Type: ringfence.MembershipMissing, User: user, Tenant: tenant.String()}, "operation", "login")
		return nil, ErrRefused
	case err != nil:
		s.record(ctx, from, ringfence.Event{Type: ringfence.MembershipFailing, User: user, Tenant: tenant.String()}, "operation", "login")
		return nil, fmt.Errorf("asking for a membership at login: %w", err)
	}
	return roles, nil
}

// record keeps an event, with pairs of details. Refused is refused where that fails, and it is counted.
func (s *Service) record(ctx context.Context, from Origin, e ringfence.Event, detail ...string) {
	e.Address, e.UserAgent, e.Detail = from.text(), from.UserAgent, map[string]string{"operation": "login"}
	for i := 0; i+1 < len(detail); i += 2 {
		e.Detail[detail[i]] = detail[i+1]
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
	defer stop()
	if err := s.o.Recorder.Record(ctx, e); err != nil {
		s.o.Stats.Unrecorded(e.Type)
		s.o.Log.Error("an event of the login could not be recorded", "event", string(e.Type), "error", err)
	}
}
