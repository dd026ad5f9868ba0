package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/ringfencehq/ringfence"
)

// known is what a verified token says of its holder, for the record of a refusal; zero where nothing was verified.
func (v *Verifier) known(all claims) ringfence.Identity {
	if all == nil {
		return ringfence.Identity{}
	}
	user, _ := all.GetSubject()
	session, _ := all.name(v.o.SessionClaim)
	token, _ := all.name("jti")
	tenant, _ := v.tenant(all)
	return ringfence.Identity{User: user, Session: session, Token: token, Tenant: tenant}
}

// read makes the identity of verified claims.
func (v *Verifier) read(all claims, token string) (ringfence.Identity, error) {
	id := v.known(all)
	expires, err := all.GetExpirationTime()
	if err != nil || expires == nil {
		return id, invalid(ReasonClaims)
	}
	id.Expires = expires.Time
	if issued, err := all.GetIssuedAt(); err != nil {
		return id, invalid(ReasonClaims)
	} else if issued != nil {
		id.Issued = issued.Time
	}
	for _, name := range []string{v.o.SessionClaim, "jti"} {
		if _, err := all.name(name); err != nil {
			return id, invalid(ReasonClaims)
		}
	}
	if id.User == "" {
		return id, invalid(ReasonClaims)
	}
	if id.Device, err = all.name(v.o.DeviceClaim); err != nil {
		return id, invalid(ReasonClaims)
	}
	if v.o.Members == nil {
		if id.Roles, err = all.names(v.o.RolesClaim); err != nil {
			return id, invalid(ReasonClaims)
		}
	}
	if id.Token == "" {
		id.Token = fingerprint(token)
	}
	id.Tenant, err = v.tenant(all)
	return id, err
}

// fingerprint is the id of a token that names none, so that it can be revoked: a hash of what was signed, not of the
// signature, which for ECDSA can be rewritten by anyone.
func fingerprint(token string) string {
	sum := sha256.Sum256([]byte(token[:strings.LastIndexByte(token, '.')]))
	return "sha256:" + hex.EncodeToString(sum[:16])
}

// tenant reads the one tenant that the claims name.
func (v *Verifier) tenant(all claims) (ringfence.Tenant, error) {
	var found ringfence.Tenant
	for _, name := range v.o.TenantClaims {
		c, there := all.at(name)
		if !there {
			continue
		}
		text, ok := tenantText(c)
		if !ok || strings.TrimSpace(text) == "" {
			return ringfence.Tenant{}, &fault{event: ringfence.TokenWithoutTenant, reason: ReasonTenant}
		}
		t, err := v.o.ParseTenant(text)
		if err != nil || !t.Valid() {
			return ringfence.Tenant{}, &fault{event: ringfence.TenantMalformed, reason: ReasonTenant}
		}
		if found.Valid() && found != t {
			return ringfence.Tenant{}, &fault{event: ringfence.TokenWithoutTenant, reason: ReasonTenant}
		}
		found = t
	}
	if !found.Valid() {
		return ringfence.Tenant{}, &fault{event: ringfence.TokenWithoutTenant, reason: ReasonTenant}
	}
	return found, nil
}

// tenantText takes a text, or a number as it is written: bigint keys are often numbers. Lists are refused, of one element too.
func tenantText(c any) (string, bool) {
	switch c := c.(type) {
	case string:
		return c, true
	case json.Number:
		return c.String(), true
	}
	return "", false
}
