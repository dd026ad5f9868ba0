package auth

import (
	"context"
	"errors"

	"github.com/ringfencehq/ringfence"
)

// ErrNotMember says that a user does not belong to a tenant, or does no longer.
var ErrNotMember = errors.New("not a member")

// Members tells whether a user belongs to a tenant, and in which roles. Member returns ErrNotMember (wrapped or not) where
// the user does not; any other error means that nobody can say, and the request is refused. Implementations are safe for
// concurrent use and return by the context's deadline.
type Members interface {
	Member(ctx context.Context, tenant ringfence.Tenant, user string) (roles []string, err error)
}

// Revocations tells whether an identity was revoked: its token, its session, its member or its tenant. It is asked at every
// Authorize and must answer from memory: keeping it fed is its own work. Implementations are safe for concurrent use.
type Revocations interface {
	Revoked(id ringfence.Identity) bool
}
