package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ringfencehq/ringfence"
)

// TrustedIssuer is one issuer whose tokens are taken, pinned to its keys and to whom its tokens must be for.
type TrustedIssuer struct {
	Name      string   // the claim iss, exactly
	Audiences []string // one of them must be in the claim aud
	// Algorithms that are taken: by default all asymmetric ones, and with a Secret its HS256, HS384 and HS512.
	Algorithms []string
	// Keys of the issuer: NewRemoteKeys, NewStaticKeys or NewSecret; an Issuer of one's own is its own source (Issuer.Trust).
	Keys KeySource
}

// Options of a Verifier. Issuers and TenantClaims are needed; the zero values of the rest are good ones.
type Options struct {
	Issuers []TrustedIssuer
	// TenantClaims are where a token may name its tenant: a claim's name, or a JSON pointer ("/app_metadata/org_id"). Where
	// several are there they must say the same.
	TenantClaims []string
	// ParseTenant makes the tenant; ringfence.ParseTenant, for UUID keys.
	ParseTenant func(string) (ringfence.Tenant, error)
	// SessionClaim, DeviceClaim and RolesClaim name the claims of the session ("sid"), the device ("device") and the roles
	// ("roles"). With Members the roles are the membership's, and the token's are not looked at.
	SessionClaim, DeviceClaim, RolesClaim string
	// Types are the header's types that are taken, besides none: by default "JWT" and "at+jwt". It keeps tokens that were
	// signed for another purpose (logout, events) out.
	Types []string
	// Skew is how far the clocks may be apart; 30 seconds, at most 2 minutes, negative for none at all.
	Skew time.Duration
	// MaxLifetime is the longest time from issue to expiry; 0 for no limit. With it, tokens without iat are refused.
	MaxLifetime time.Duration
	// MaxTokenBytes bounds a token; 8 KiB.
	MaxTokenBytes int
	// Members is asked whether the user belongs to the tenant, after the token was verified; nil trusts the token.
	Members Members
	// Revocations is asked after the token was verified; nil revokes nothing.
	Revocations Revocations
	// Recorder keeps each refusal, once; nil keeps none.
	Recorder ringfence.Recorder
	// RecordTimeout bounds how long a refusal waits to be recorded; 5 seconds.
	RecordTimeout time.Duration
	// Now is the clock; time.Now.
	Now func() time.Time
}

const maxSkew = 2 * time.Minute

func (o Options) withDefaults() Options {
	if o.ParseTenant == nil {
		o.ParseTenant = ringfence.ParseTenant
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Types == nil {
		o.Types = []string{"JWT", "at+jwt"}
	}
	for field, otherwise := range map[*string]string{&o.SessionClaim: "sid", &o.DeviceClaim: "device", &o.RolesClaim: "roles"} {
		if *field == "" {
			*field = otherwise
		}
	}
	if o.Skew == 0 {
		o.Skew = 30 * time.Second
	}
	o.Skew = max(o.Skew, 0)
	if o.MaxTokenBytes == 0 {
		o.MaxTokenBytes = 8 << 10
	}
	if o.RecordTimeout == 0 {
		o.RecordTimeout = 5 * time.Second
	}
	return o
}

func (o Options) validate() error {
	switch {
	case len(o.Issuers) == 0:
		return errors.New("no issuer is trusted")
	case len(o.TenantClaims) == 0 || slices.Contains(o.TenantClaims, ""):
		return errors.New("no claim is named that holds the tenant")
	case o.Skew > maxSkew:
		return fmt.Errorf("a skew over %s makes expiry meaningless", maxSkew)
	case o.MaxTokenBytes < 0 || o.MaxLifetime < 0 || o.RecordTimeout < 0:
		return errors.New("a limit is negative")
	}
	return nil
}

// algorithms returns what is taken from an issuer, or why its list cannot be.
func (i TrustedIssuer) algorithms() ([]string, error) {
	able := asymmetric
	if _, secret := i.Keys.(*Secret); secret {
		able = symmetric
	}
	for _, a := range i.Algorithms {
		if !slices.Contains(able, a) {
			return nil, fmt.Errorf("algorithm %q cannot be verified with these keys", a)
		}
	}
	if len(i.Algorithms) > 0 {
		return slices.Clone(i.Algorithms), nil
	}
	return able, nil
}

func (i TrustedIssuer) validate() error {
	switch {
	case i.Name == "" || len(i.Name) > maxName:
		return errors.New("it has no name, or one that is too long")
	case len(i.Audiences) == 0 || slices.Contains(i.Audiences, ""):
		return errors.New("no audience is named")
	case i.Keys == nil:
		return errors.New("it has no keys")
	}
	return nil
}
