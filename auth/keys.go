package auth

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// ErrKeyUnknown says that a source has no key of that id for that algorithm.
var ErrKeyUnknown = errors.New("no such key")

// ErrKeysUnavailable says that a source could not get its keys: nobody can be let in, and no token is at fault.
var ErrKeysUnavailable = errors.New("signing keys cannot be had")

// KeySource gives the key that an issuer signs with. Key returns the key of exactly that id and algorithm: an *rsa.PublicKey, an
// *ecdsa.PublicKey, an ed25519.PublicKey, or a secret's []byte, which nobody changes. A token without key id asks for the empty
// one. Errors are ErrKeyUnknown and ErrKeysUnavailable, wrapped or not. Implementations are safe for concurrent use and return by
// the context's deadline.
type KeySource interface {
	Key(ctx context.Context, id, algorithm string) (any, error)
}

// asymmetric are the algorithms that are taken unless an issuer's list is shorter. ES and EdDSA first: the order is the docs'.
var asymmetric = []string{"EdDSA", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512"}

// symmetric are the algorithms that only a configured secret may use.
var symmetric = []string{"HS256", "HS384", "HS512"}

// The moduli that are taken, in bits: below it is breakable, above it is a way to burn our time.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// Key is one public key, bound to the one algorithm it verifies.
type Key struct {
	ID        string           // key id (kid) as tokens name it; empty: tokens that name none
	Algorithm string           // RS256 to RS512, PS256 to PS512, ES256 to ES512, EdDSA
	Public    crypto.PublicKey // *rsa.PublicKey, *ecdsa.PublicKey or ed25519.PublicKey
}

type keyName struct{ id, algorithm string }

// keySet is a set of keys by id and algorithm. It is not changed once made.
type keySet map[keyName]crypto.PublicKey

func (s keySet) Key(_ context.Context, id, algorithm string) (any, error) {
	if k, ok := s[keyName{id, algorithm}]; ok {
		return k, nil
	}
	return nil, ErrKeyUnknown
}

// add puts a key in, or says why it cannot be trusted.
func (s keySet) add(k Key) error {
	if err := checkKey(k); err != nil {
		return err
	}
	name := keyName{k.ID, k.Algorithm}
	if _, twice := s[name]; twice {
		return fmt.Errorf("two keys of one id for %s", k.Algorithm)
	}
	s[name] = k.Public
	return nil
}

// NewStaticKeys makes a source of fixed keys: of a test, or of an issuer that publishes none. A key that does not fit its
// algorithm, an RSA key of fewer than 2048 or more than 8192 bits, a point that is not on its curve, and a second key of one id
// and algorithm are errors.
func NewStaticKeys(keys ...Key) (KeySource, error) {
	s := keySet{}
	for _, k := range keys {
		if err := s.add(k); err != nil {
			return nil, fmt.Errorf("adding a static key: %w", err)
		}
	}
	return s, nil
}

// checkKey holds a key to its algorithm, and to a strength.
func checkKey(k Key) error {
	if len(k.ID) > maxName || !slices.Contains(asymmetric, k.Algorithm) {
		return fmt.Errorf("algorithm %.16q or key id is not taken", k.Algorithm)
	}
	switch p := k.Public.(type) {
	case *rsa.PublicKey:
		if k.Algorithm[:2] != "RS" && k.Algorithm[:2] != "PS" {
			break
		}
		if p.N == nil || p.N.BitLen() < minRSABits || p.N.BitLen() > maxRSABits || p.E < 3 || p.E%2 == 0 {
			return errors.New("RSA key of a size or exponent that is not taken")
		}
		return nil
	case *ecdsa.PublicKey:
		if p.Curve == nil || curveAlgorithm(p.Curve) != k.Algorithm {
			break
		}
		if _, err := p.ECDH(); err != nil { // the point is on the curve
			return errors.New("EC key that is no point of its curve")
		}
		return nil
	case ed25519.PublicKey:
		if k.Algorithm == "EdDSA" && len(p) == ed25519.PublicKeySize {
			return nil
		}
	}
	return fmt.Errorf("key of type %T does not fit %s", k.Public, k.Algorithm)
}

// curveAlgorithm is the one algorithm of a curve (RFC 7518, 3.4), or empty.
func curveAlgorithm(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	case elliptic.P521():
		return "ES512"
	}
	return ""
}

// Secret is a shared key that prints as nothing. Make it with NewSecret.
type Secret struct {
	id    string
	bytes []byte
}

// minSecret is the shortest secret: the output of HS256's hash (RFC 7518, 3.2).
const minSecret = 32

// NewSecret makes a source of one shared key for HS256, HS384 and HS512: explicitly, since whoever verifies with it can sign
// with it too. It is only taken for the issuer it is configured for, and that issuer has no other keys. An id that is not
// empty is the only key id taken; an empty one takes tokens that name none. The secret is copied; one of fewer than 32 bytes is an
// error.
func NewSecret(id string, secret []byte) (*Secret, error) {
	if len(secret) < minSecret {
		return nil, fmt.Errorf("making a secret: at least %d bytes are needed", minSecret)
	}
	return &Secret{id: id, bytes: slices.Clone(secret)}, nil
}

// Key implements KeySource.
func (s *Secret) Key(_ context.Context, id, algorithm string) (any, error) {
	if id != s.id || !slices.Contains(symmetric, algorithm) {
		return nil, ErrKeyUnknown
	}
	return s.bytes, nil
}

// Format prints a placeholder, whatever the verb.
func (s *Secret) Format(w fmt.State, _ rune) { io.WriteString(w, "[secret]") }

// LogValue is a placeholder.
func (s *Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalJSON gives a placeholder.
func (s *Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }
