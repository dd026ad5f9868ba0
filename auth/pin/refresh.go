package pin

import (
	"context"

	"github.com/ringfencehq/ringfence"
)

// Refresh gives the next tokens of a session for its refresh token, on its device. Each refresh token is good once: one that
// comes again was stolen, from this client or by it, and ends the session. A refusal is ErrRefused and on record.
func (s *Service) Refresh(ctx context.Context, deviceToken, refresh string, from Origin) (Tokens, error) {
	d := parseDevice(deviceToken)
	session, generation, ok := s.o.Peppers.readRefresh(refresh, d)
	if !ok {
		s.record(ctx, from, ringfence.Event{Type: ringfence.TokenInvalid}, "reason", "refresh", "operation", "refresh")
		return Tokens{}, ErrRefused
	}
	state, text, user, err := s.store.refresh(ctx, session, generation, d)
	if err != nil {
		return Tokens{}, err
	}
	e := ringfence.Event{Type: ringfence.TokenRevoked, User: user, Tenant: text, Session: session.String()}
	switch state {
	case "go":
	case "unknown":
		e.Type = ringfence.TokenInvalid
		fallthrough
	case "ended", "device":
		s.record(ctx, from, e, "reason", state, "operation", "refresh")
		return Tokens{}, ErrRefused
	default: // reused
		s.record(ctx, from, e, "reason", "reused", "operation", "refresh")
		if err := s.revoked(ctx, from, text, user, "reused", session.String()); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, ErrRefused
	}
	tenant, err := s.o.ParseTenant(text)
	if err != nil {
		return Tokens{}, ErrRefused
	}
	roles, err := s.member(ctx, from, tenant, user)
	if err != nil {
		return Tokens{}, err
	}
	return s.tokens(tenant, user, roles, session, generation+1, d)
}

// Logout ends a session by its refresh token. One that has ended, or was never there, is no error.
func (s *Service) Logout(ctx context.Context, deviceToken, refresh string, from Origin) error {
	session, _, ok := s.o.Peppers.readRefresh(refresh, parseDevice(deviceToken))
	if !ok {
		return nil
	}
	tenant, user, err := s.store.end(ctx, session, "logout")
	if err != nil || tenant == "" {
		return err
	}
	return s.revoked(ctx, from, tenant, user, "logout", session.String())
}

// Enrol exchanges a one-time code for a device's token, which is shown once and kept by the device.
func (s *Service) Enrol(ctx context.Context, code string, from Origin) (token string, tenant ringfence.Tenant, user string, err error) {
	a, err := s.store.admit(ctx, from.network(), device{}, "", s.o.Limits)
	if err != nil {
		return "", ringfence.Tenant{}, "", err
	}
	if a.state == "network" {
		s.record(ctx, from, ringfence.Event{Type: ringfence.RateLimited}, "reason", a.state, "operation", "enrol")
		return "", ringfence.Tenant{}, "", &ThrottledError{a.wait}
	}
	d, token := newDevice()
	text, user, label, ok, err := s.store.claim(ctx, digest(code), d)
	if err != nil {
		return "", ringfence.Tenant{}, "", err
	}
	if ok {
		tenant, err = s.o.ParseTenant(text)
	}
	if !ok || err != nil {
		s.record(ctx, from, ringfence.Event{Type: ringfence.DeviceUnknown}, "reason", "code", "operation", "enrol")
		return "", ringfence.Tenant{}, "", ErrRefused
	}
	s.record(ctx, from, ringfence.Event{Type: ringfence.PINEnrolled, User: user, Tenant: text}, "operation", "device", "device", d.id.String(), "label", label)
	return token, tenant, user, nil
}

// revoked has sessions cut wherever they are open, and records it.
func (s *Service) revoked(ctx context.Context, from Origin, tenantText, user, why string, sessions ...string) error {
	tenant, err := s.o.ParseTenant(tenantText)
	if err != nil {
		return err
	}
	for _, session := range sessions {
		s.record(ctx, from, ringfence.Event{Type: ringfence.Revoked, User: user, Tenant: tenantText, Session: session}, "reason", why)
		if s.o.Revoker == nil {
			continue
		}
		if err := s.o.Revoker.Revoke(ctx, Revocation{Tenant: tenant, User: user, Session: session}); err != nil {
			return err
		}
	}
	return nil
}
