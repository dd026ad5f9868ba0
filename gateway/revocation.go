package gateway

import (
	"context"
	"time"

	ringfence "github.com/ringfencehq/ringfence"
)

// RevocationKind is what was revoked.
type RevocationKind uint8

// The kinds of revocations.
const (
	RevokeToken   RevocationKind = iota // ID is the token's id (jti)
	RevokeSession                       // ID is the session of the back end, or the one that the token names
	RevokeMember                        // Tenant and User
	RevokeTenant                        // Tenant
)

// RevocationKinds are the names of all kinds.
var RevocationKinds = []string{"token", "session", "member", "tenant"}

// String returns the kind as records and metrics have it.
func (k RevocationKind) String() string { return RevocationKinds[k] }

// Revocation says that something that sockets stand on is no longer so.
type Revocation struct {
	Kind   RevocationKind
	Tenant ringfence.Tenant // of a member, a tenant; of a session too where it is known
	User   string
	ID     string
	At     time.Time // when it was decided; zero where that is not known
}

// Revocations brings revocations from wherever they are made. Subscribe calls apply for each, in any order, maybe more than
// once, until the context ends; it returns when it is listening, or with an error where it cannot. Package gateway's own
// Revoke applies one in this process.
type Revocations interface {
	Subscribe(ctx context.Context, apply func(Revocation)) error
}
