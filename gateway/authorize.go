package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/gobwas/ws"

	ringfence "github.com/ringfencehq/ringfence"
)

// authorize is the one way in: handshakes by every place a token can come from, first messages, renewals and plain requests
// all end here. What it returns is a *ringfence.Refusal, or a fault of the Authorizer.
func (g *Gateway) authorize(ctx context.Context, c *Config, cred ringfence.Credential) (ringfence.Identity, error) {
	if blank([]byte(cred.Token)) {
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenMissing}, nil)
	}
	ctx, stop := context.WithTimeout(ctx, c.Timeouts.Authorize)
	defer stop()
	id, err := (*g.authorizer.Load()).Authorize(ctx, cred)
	switch {
	case err != nil:
		return ringfence.Identity{}, err
	case !id.Tenant.Valid():
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenWithoutTenant, User: id.User}, nil)
	case id.Expires.IsZero():
		return ringfence.Identity{}, errors.New("the Authorizer names no end of the token")
	case !time.Now().Before(id.Expires):
		return ringfence.Identity{}, ringfence.Refuse(ringfence.Event{Type: ringfence.TokenExpired, User: id.User, Tenant: id.Tenant.String()}, nil)
	}
	return id, nil
}

// refusal completes what is recorded of a client that was not let in.
func refusal(err error, from origin, operation string) (ringfence.Event, bool) {
	r, ok := ringfence.RefusalOf(err)
	if !ok {
		return ringfence.Event{}, false
	}
	e := r.Event
	set(&e.Address, from.address)
	set(&e.UserAgent, from.userAgent)
	detail := map[string]string{"operation": operation, "route": clip(from.path, 256)}
	for k, v := range e.Detail {
		detail[k] = v
	}
	e.Detail = detail
	return e, true
}

// count counts an Authorizer that could not tell; a refusal is counted where it is recorded.
func (g *Gateway) count(err error) {
	if _, ok := ringfence.RefusalOf(err); !ok {
		g.stats.Faulted()
		g.log.Error("the authorizer could not tell who asks", "error", err)
	}
}

// faultOf is the fault of a renewal that was not accepted.
func faultOf(err error) *fault {
	if r, ok := ringfence.RefusalOf(err); ok {
		return &fault{event: r.Event.Type, reason: "renewal", attempted: r.Event.AttemptedTenant}
	}
	return &fault{event: ringfence.TokenInvalid, reason: "renewal_undecided", code: ws.StatusInternalServerError}
}

// enter takes a socket from the process and from its address, before anybody is asked who it is. It says what has none left.
func (g *Gateway) enter(s *socket, address *account) (string, bool) {
	if n := g.sockets.Add(1); n > int64(s.cfg.Limits.Sockets) {
		g.sockets.Add(-1)
		return "sockets", false
	}
	if !address.open() {
		g.sockets.Add(-1)
		return "address", false
	}
	s.accounts[2] = address
	g.stats.Sockets(1)
	return "", true
}

// admit takes a socket from its tenant and its user, or says which of them has none left.
func (g *Gateway) admit(s *socket, id ringfence.Identity) (string, bool) {
	now := time.Now().UnixNano()
	tenant, user := g.tenants.get(id.Tenant, now), g.users.get(Owner{Tenant: id.Tenant, User: id.User}, now)
	for i, a := range []*account{tenant, user} {
		if !a.shake(now) || !a.open() {
			return [2]string{"tenant", "user"}[i], false
		}
		s.accounts[i] = a
	}
	return "", true
}
