package edge

import (
	"context"
	"errors"
	"fmt"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth"
	"github.com/ringfencehq/ringfence/gateway"
)

// authSection says whose tokens are taken, and what makes their tenant.
type authSection struct {
	Issuers      []issuerSection `yaml:"issuers"`
	TenantClaims []string        `yaml:"tenant_claims"` // names of claims, or JSON pointers
	SessionClaim string          `yaml:"session_claim"` // default "sid"
	DeviceClaim  string          `yaml:"device_claim"`  // default "device"
	RolesClaim   string          `yaml:"roles_claim"`   // default "roles"
	Skew         time.Duration   `yaml:"skew"`          // default 30s
	MaxLifetime  time.Duration   `yaml:"max_lifetime"`  // default none
	Members      *membersSection `yaml:"members"`       // asked whether the user belongs to the tenant; absent: the token is believed
}

// issuerSection is one issuer, with one source of keys.
type issuerSection struct {
	Name       string          `yaml:"name"` // the claim iss
	Audiences  []string        `yaml:"audiences"`
	Algorithms []string        `yaml:"algorithms"`
	JWKS       string          `yaml:"jwks"` // where its keys are: https, or http to this machine
	MaxStale   time.Duration   `yaml:"max_stale"`
	Secret     *gateway.Secret `yaml:"secret"` // a shared secret instead
}

// membersSection is the narrow function of the database that knows members.
type membersSection struct {
	Database gateway.Secret `yaml:"database"` // DSN of the application's role
	Setting  string         `yaml:"setting"`  // the tenant context, such as app.tenant_id
	Schema   string         `yaml:"schema"`
	Function string         `yaml:"function"`
	TTL      time.Duration  `yaml:"ttl"` // how long a membership is believed; default 30s
}

func (a *authSection) check(env func(string) (string, bool), login bool) error {
	if len(a.Issuers) == 0 && !login {
		return errors.New("issuers: there is none, so nobody could be let in")
	}
	for i := range a.Issuers {
		s := &a.Issuers[i]
		if (s.JWKS == "") == (s.Secret == nil) {
			return fmt.Errorf("issuers[%d]: it wants one of jwks and secret", i)
		}
		if s.Secret != nil {
			if err := s.Secret.Read(env); err != nil {
				return fmt.Errorf("issuers[%d].secret: %w", i, err)
			}
		}
	}
	if a.Members != nil {
		if err := readDSN(&a.Members.Database, env); err != nil {
			return fmt.Errorf("members.database: %w", err)
		}
	}
	if len(a.TenantClaims) == 0 && !login { // a login says it of its own section
		return errors.New("tenant_claims: no claim is named that holds the tenant, so nobody could be let in")
	}
	return a.tryOptions()
}

// tryOptions has each issuer tried alone, and then all that is said of tokens, so that what cannot be used is told without a start.
func (a *authSection) tryOptions() error {
	whole, _, err := a.options()
	if err != nil || len(whole.Issuers) == 0 {
		return err
	}
	for i, one := range whole.Issuers {
		if _, err := auth.New(auth.Options{Issuers: []auth.TrustedIssuer{one}, TenantClaims: []string{"any"}}); err != nil {
			return fmt.Errorf("issuers[%d]: %w", i, err)
		}
	}
	_, err = auth.New(whole)
	return err
}

// options are what the section says of tokens, and the key sets among it; nothing is fetched yet.
func (a *authSection) options() (auth.Options, []*auth.RemoteKeys, error) {
	o := auth.Options{
		TenantClaims: a.TenantClaims, SessionClaim: a.SessionClaim, DeviceClaim: a.DeviceClaim, RolesClaim: a.RolesClaim,
		Skew: a.Skew, MaxLifetime: a.MaxLifetime,
	}
	var fetched []*auth.RemoteKeys
	for i, s := range a.Issuers {
		keys, err := s.keys()
		if err != nil {
			return o, nil, fmt.Errorf("issuers[%d]: %w", i, err)
		}
		if remote, ok := keys.(*auth.RemoteKeys); ok {
			fetched = append(fetched, remote)
		}
		o.Issuers = append(o.Issuers, auth.TrustedIssuer{Name: s.Name, Audiences: s.Audiences, Algorithms: s.Algorithms, Keys: keys})
	}
	return o, fetched, nil
}

// verifier is an Authorizer with what it holds open.
type verifier struct {
	*auth.Verifier
	pool    *ringfence.Pool
	members *auth.CachedMembers
	keys    []*auth.RemoteKeys
}

// forget has a membership asked for anew.
func (v *verifier) forget(r gateway.Revocation) {
	switch {
	case v.members == nil:
	case r.Kind == gateway.RevokeMember:
		v.members.Invalidate(r.Tenant, r.User)
	case r.Kind == gateway.RevokeTenant:
		v.members.InvalidateTenant(r.Tenant)
	}
}

func (v *verifier) close() {
	if v.pool != nil {
		v.pool.Close()
	}
}

// openAuth makes the Authorizer. It records nothing: the gateway records what it refuses. feed tells what was revoked; nil:
// nothing is. Memberships that are loaded are counted in c.
func (f *file) openAuth(ctx context.Context, feed *follower, c *counted) (*verifier, error) {
	a := f.auth
	o, keys, err := a.options()
	if err != nil {
		return nil, &ConfigError{fmt.Errorf("auth: %w", err)}
	}
	o.ParseTenant = f.gateway.Tenant.Kind.Parse
	v := &verifier{keys: keys}
	if f.pin != nil {
		issuer, err := f.pin.issuer(a.TenantClaims[0])
		if err != nil {
			return nil, &ConfigError{fmt.Errorf("pin: %w", err)}
		}
		o.Issuers = append(o.Issuers, issuer.Trust())
	}
	if feed != nil {
		o.Revocations = feed
	}
	if a.Members != nil {
		if v.pool, v.members, err = a.Members.open(ctx, c); err != nil {
			return nil, fmt.Errorf("auth.members: %w", err)
		}
		o.Members = v.members
	}
	if v.Verifier, err = auth.New(o); err != nil {
		v.close()
		return nil, &ConfigError{fmt.Errorf("auth: %w", err)}
	}
	return v, nil
}

func (s issuerSection) keys() (auth.KeySource, error) {
	if s.Secret != nil {
		return auth.NewSecret("", []byte(s.Secret.Text()))
	}
	return auth.NewRemoteKeys(auth.RemoteOptions{URL: s.JWKS, MaxStale: s.MaxStale})
}

func (m *membersSection) open(ctx context.Context, c *counted) (*ringfence.Pool, *auth.CachedMembers, error) {
	pool, err := ringfence.Open(ctx, ringfence.Config{DSN: m.Database.Text(), Setting: m.Setting})
	if err != nil {
		return nil, nil, err
	}
	members, err := auth.NewPostgresMembers(pool, m.Schema, m.Function)
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pool, auth.CacheMembers(c.auth.Members(members), auth.CacheOptions{TTL: m.TTL}), nil
}
