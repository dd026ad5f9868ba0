package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/auth/internal/strict"
)

// verify checks form, header, issuer, algorithm, key, signature and time, in this order. Errors are *fault, or a fault of the
// key source; none carries text of the parser, which may quote the token. Claims are returned once the signature holds, also
// with a fault of their content.
func (v *Verifier) verify(ctx context.Context, token string) (claims, error) {
	switch {
	case token == "":
		return nil, &fault{event: ringfence.TokenMissing, reason: ReasonAbsent}
	case len(token) > v.o.MaxTokenBytes:
		return nil, invalid(ReasonSize)
	}
	keyID, err := v.header(token)
	if err != nil {
		return nil, err
	}
	var all claims
	var from *issuer
	var why error // the key function's own fault: the parser wraps it in a text of its own
	_, err = v.parser.ParseWithClaims(token, &all, func(t *jwt.Token) (any, error) {
		var key any
		from, key, why = v.key(ctx, all, keyID, t.Method.Alg())
		return key, why
	})
	switch {
	case why != nil:
		return nil, why
	case errors.Is(err, jwt.ErrTokenMalformed):
		return nil, invalid(ReasonForm)
	case from == nil && err != nil: // an algorithm that is nobody's
		return nil, invalid(ReasonAlgorithm)
	case err != nil:
		return nil, invalid(ReasonSignature)
	}
	return all, v.content(from, all)
}

// header reads the header before the library does, strictly: duplicate keys, other types, critical extensions and key ids
// that are no short text are refused. Keys and addresses of keys inside a header (jwk, jku, x5u, x5c) are never looked at.
func (v *Verifier) header(token string) (keyID string, err error) {
	first, _, _ := strings.Cut(token, ".")
	data, err := base64.RawURLEncoding.Strict().DecodeString(first)
	if err != nil {
		return "", invalid(ReasonForm)
	}
	h, err := strict.Object(data)
	if err != nil {
		return "", invalid(ReasonForm)
	}
	if _, critical := h["crit"]; critical {
		return "", invalid(ReasonHeader)
	}
	if typ, there := h["typ"]; there {
		s, ok := typ.(string)
		if !ok || !slices.ContainsFunc(v.o.Types, func(t string) bool { return strings.EqualFold(t, s) }) {
			return "", invalid(ReasonHeader)
		}
	}
	kid, there := h["kid"]
	if !there {
		return "", nil
	}
	id, ok := kid.(string)
	if !ok || id == "" || len(id) > maxName || strings.ContainsFunc(id, unicode.IsControl) {
		return "", invalid(ReasonHeader)
	}
	return id, nil
}

// key finds the issuer that a token claims, and its key of that id for that algorithm.
func (v *Verifier) key(ctx context.Context, all claims, keyID, algorithm string) (*issuer, any, error) {
	name, err := all.GetIssuer()
	from := v.issuers[name]
	if err != nil || from == nil {
		return nil, nil, invalid(ReasonIssuer)
	}
	if !slices.Contains(from.algorithms, algorithm) {
		return nil, nil, invalid(ReasonAlgorithm)
	}
	key, err := from.keys.Key(ctx, keyID, algorithm)
	switch {
	case errors.Is(err, ErrKeyUnknown):
		return nil, nil, invalid(ReasonKey)
	case err != nil:
		return nil, nil, err
	}
	if _, bytes := key.([]byte); bytes != from.secret { // a source that hands out secrets without being one
		return nil, nil, invalid(ReasonKey)
	}
	if !from.secret && checkKey(Key{ID: keyID, Algorithm: algorithm, Public: key}) != nil {
		return nil, nil, invalid(ReasonKey)
	}
	return from, key, nil
}

// content checks audience and time of verified claims.
func (v *Verifier) content(from *issuer, all claims) error {
	err := from.claims.Validate(all)
	switch {
	case err == nil:
		return v.lifetime(all)
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return invalid(ReasonAudience)
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing), errors.Is(err, errClaim):
		return invalid(ReasonClaims)
	case errors.Is(err, jwt.ErrTokenExpired):
		return &fault{event: ringfence.TokenExpired, reason: ReasonExpired}
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return &fault{event: ringfence.TokenExpired, reason: ReasonNotYet}
	}
	return invalid(ReasonClaims)
}

// lifetime holds a token to MaxLifetime.
func (v *Verifier) lifetime(all claims) error {
	if v.o.MaxLifetime == 0 {
		return nil
	}
	issued, err := all.GetIssuedAt()
	if err != nil || issued == nil {
		return invalid(ReasonClaims)
	}
	expires, err := all.GetExpirationTime()
	if err != nil || expires.Sub(issued.Time) > v.o.MaxLifetime {
		return invalid(ReasonLifetime)
	}
	return nil
}
