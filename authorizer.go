package ringfence

import (
	"context"
	"time"
)

// Identity is what a verified token says, or what membership adds to it. Nothing in it comes from the client's word.
type Identity struct {
	Tenant  Tenant
	User    string    // subject of the token
	Session string    // session the token belongs to, where it names one
	Token   string    // id of the token (jti), never the token itself
	Device  string    // enrolled device, where the login was bound to one
	Roles   []string  // roles inside the tenant, as membership or the token has them
	Issued  time.Time // when the token was made; zero where it does not say
	Expires time.Time // when the token ends; never zero
}

// Credential is what a client showed, and where from.
type Credential struct {
	Token     string // the bearer token; secret, never logged nor recorded
	Address   string // address of the client, for the record of a refusal
	UserAgent string
}

// Authorizer tells who shows a credential. It is the one place where a token becomes a tenant: the HTTP middleware, the
// gRPC interceptors and the gateway all ask it. An error is a *Refusal, or a fault of the verifier itself (keys that cannot
// be had); in both cases nobody is let in. Implementations are safe for concurrent use.
type Authorizer interface {
	Authorize(ctx context.Context, c Credential) (Identity, error)
}
