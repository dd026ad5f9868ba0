package auth

import "github.com/ringfencehq/ringfence"

// Reason says why a token was refused, in the event's detail under "reason". The list is closed: metrics and queries may rely
// on it, and nothing of the token can come through it.
type Reason string

// The reasons, in the order in which a token is looked at.
const (
	ReasonAbsent     Reason = "absent"     // no token at all
	ReasonSize       Reason = "size"       // longer than Options.MaxTokenBytes
	ReasonForm       Reason = "form"       // not three base64url parts of JSON objects without duplicate keys
	ReasonHeader     Reason = "header"     // a type, critical extension or key id that is not taken
	ReasonIssuer     Reason = "issuer"     // no issuer, or one that is not pinned
	ReasonAlgorithm  Reason = "algorithm"  // not on the issuer's list; "none" never is
	ReasonKey        Reason = "key"        // the issuer has no such key, or not for this algorithm
	ReasonSignature  Reason = "signature"  // not by that key
	ReasonAudience   Reason = "audience"   // for somebody else
	ReasonClaims     Reason = "claims"     // expiry, audience or subject missing, or a claim of the wrong type
	ReasonLifetime   Reason = "lifetime"   // valid for longer than Options.MaxLifetime
	ReasonExpired    Reason = "expired"    // its time has passed
	ReasonNotYet     Reason = "not_yet"    // its time has not come
	ReasonTenant     Reason = "tenant"     // the tenant is absent, several, or not one by its form
	ReasonRevoked    Reason = "revoked"    // token, session, member or tenant
	ReasonMembership Reason = "membership" // not a member, or nobody can say
)

// Reasons are all reasons.
var Reasons = []Reason{ReasonAbsent, ReasonSize, ReasonForm, ReasonHeader, ReasonIssuer, ReasonAlgorithm, ReasonKey,
	ReasonSignature, ReasonAudience, ReasonClaims, ReasonLifetime, ReasonExpired, ReasonNotYet, ReasonTenant, ReasonRevoked,
	ReasonMembership}

// fault is one refusal on its way to becoming a ringfence.Refusal. Its text is fixed by type and reason.
type fault struct {
	event  ringfence.EventType
	reason Reason
	cause  error // of a member look-up; never of a parser, whose text may quote the token
}

func (f *fault) Error() string { return string(f.event) + ": " + string(f.reason) }

func invalid(r Reason) *fault { return &fault{event: ringfence.TokenInvalid, reason: r} }
