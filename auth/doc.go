// Package auth tells who shows a token, and for which tenant. Its Verifier is the one Authorize (ringfence.Authorizer) that the HTTP middleware, the
// gRPC interceptors and the gateway ask: a JWT is verified against the keys of its pinned issuer, its tenant is read from one
// claim and parsed, and then revocation and membership are asked, in this order. Issuer is the other side: it signs the
// short-lived tokens of a login of one's own.
//
// What holds, whatever a client sends: the algorithm is on the issuer's list and belongs to the key that the issuer published
// under the token's key id; "none" never; a secret only where it was configured as one; issuer, audience and expiry are there;
// the tenant is one, and there is no default. No token, and no part of one, stands in an error or an event.
//
// Where keys come from is a KeySource: NewRemoteKeys (JWKS over https, with rotation), NewStaticKeys, NewSecret. Where members
// come from is Members: PostgresMembers, behind CacheMembers. To add a source, implement the interface in keys_NAME.go or
// members_NAME.go; to add a reason for a refusal, add it to reason.go, whose list the tests walk.
package auth
