package auth

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence"
)

// IssuerOptions say who signs, for whom, and for how long.
type IssuerOptions struct {
	Name        string // the claim iss
	Audience    string // the claim aud
	TenantClaim string // the claim of the tenant; "tenant"
	// Key signs; its key id is its RFC 7638 thumbprint.
	Key ed25519.PrivateKey
	// Others are published beside it: the next key, before it signs, and the last one, until its tokens have ended.
	Others []ed25519.PublicKey
	// Lifetime of a token; 10 minutes, at most an hour.
	Lifetime time.Duration
	// Now is the clock; time.Now.
	Now func() time.Time
}

// Issuer signs short-lived tokens for a login of one's own, with Ed25519. It prints as its name. Safe for concurrent use.
type Issuer struct {
	o     IssuerOptions
	keyID string
	keys  keySet
	doc   []byte
}

const maxLifetime = time.Hour

// NewIssuer makes an Issuer, or says what is wrong with its options.
func NewIssuer(o IssuerOptions) (*Issuer, error) {
	o.Lifetime, o.TenantClaim = cmp.Or(o.Lifetime, 10*time.Minute), cmp.Or(o.TenantClaim, "tenant")
	if o.Now == nil {
		o.Now = time.Now
	}
	switch {
	case o.Name == "" || o.Audience == "" || len(o.Name) > maxName || len(o.Audience) > maxName:
		return nil, errors.New("checking the issuer's options: a name and an audience of at most 256 bytes are needed")
	case len(o.Key) != ed25519.PrivateKeySize:
		return nil, errors.New("checking the issuer's options: no Ed25519 key")
	case o.Lifetime < 0 || o.Lifetime > maxLifetime:
		return nil, fmt.Errorf("checking the issuer's options: a lifetime is at most %s", maxLifetime)
	}
	i := &Issuer{o: o, keys: keySet{}}
	var doc struct {
		Keys []jwk `json:"keys"`
	}
	signing, _ := o.Key.Public().(ed25519.PublicKey)
	i.keyID = thumbprint(signing)
	for _, k := range append([]ed25519.PublicKey{signing}, o.Others...) {
		id := thumbprint(k)
		if err := i.keys.add(Key{ID: id, Algorithm: "EdDSA", Public: k}); err != nil {
			return nil, fmt.Errorf("checking the issuer's keys: %w", err)
		}
		doc.Keys = append(doc.Keys, jwk{Type: "OKP", Use: "sig", Algorithm: "EdDSA", ID: id, Curve: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k)})
	}
	data, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("writing the issuer's key set: %w", err)
	}
	i.doc = data
	return i, nil
}

// thumbprint is the RFC 7638 id of an Ed25519 key (RFC 8037, appendix A.3).
func thumbprint(k ed25519.PublicKey) string {
	sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(k) + `"}`))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Issue signs a token for an identity. Its tenant and user are needed. The token ends after the issuer's lifetime, or at
// id.Expires where that is set and sooner; id.Token is its id, or a random one is made. A Verifier that trusts Trust() reads
// back the same identity. It is an error where tenant or user is missing, or where id.Expires has passed.
func (i *Issuer) Issue(id ringfence.Identity) (string, error) {
	token, _, err := i.IssueUntil(id)
	return token, err
}

// IssueUntil is Issue, and says when the token ends.
func (i *Issuer) IssueUntil(id ringfence.Identity) (token string, expires time.Time, err error) {
	now := i.o.Now()
	expires = now.Add(i.o.Lifetime)
	if !id.Expires.IsZero() && id.Expires.Before(expires) {
		expires = id.Expires
	}
	switch {
	case !id.Tenant.Valid():
		return "", time.Time{}, fmt.Errorf("issuing a token: %w", ringfence.ErrNoTenant)
	case id.User == "":
		return "", time.Time{}, errors.New("issuing a token: no user")
	case !expires.After(now):
		return "", time.Time{}, errors.New("issuing a token: it would have ended already")
	}
	c := jwt.MapClaims{"iss": i.o.Name, "aud": i.o.Audience, "sub": id.User, "iat": now.Unix(), "nbf": now.Unix(), "exp": expires.Unix(),
		"jti": cmp.Or(id.Token, rand.Text()), i.o.TenantClaim: id.Tenant.String()}
	for name, value := range map[string]string{"sid": id.Session, "device": id.Device} {
		if value != "" {
			c[name] = value
		}
	}
	if len(id.Roles) > 0 {
		c["roles"] = id.Roles
	}
	for name, v := range c {
		if s, ok := v.(string); ok {
			if _, err := shortText(s); err != nil {
				return "", time.Time{}, fmt.Errorf("issuing a token: %s is too long, or has control characters", name)
			}
		}
	}
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	t.Header["kid"] = i.keyID
	s, err := t.SignedString(i.o.Key)
	if err != nil {
		return "", time.Time{}, errors.New("issuing a token: it cannot be signed")
	}
	return s, time.Unix(expires.Unix(), 0), nil
}

// Key implements KeySource: the public keys, without going through HTTP.
func (i *Issuer) Key(ctx context.Context, id, algorithm string) (any, error) {
	return i.keys.Key(ctx, id, algorithm)
}

// Trust returns what a Verifier's Options need to take this issuer's tokens; the tenant's claim is Options.TenantClaims' part.
func (i *Issuer) Trust() TrustedIssuer {
	return TrustedIssuer{Name: i.o.Name, Audiences: []string{i.o.Audience}, Algorithms: []string{"EdDSA"}, Keys: i}
}

// ServeHTTP answers GET and HEAD with the JWK set of the public keys, for whoever verifies elsewhere. It is public.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.Write(i.doc)
}

// Format prints the name, whatever the verb: never the key.
func (i *Issuer) Format(w fmt.State, _ rune) { io.WriteString(w, "issuer "+i.o.Name) }

// LogValue is the name.
func (i *Issuer) LogValue() slog.Value { return slog.StringValue("issuer " + i.o.Name) }
