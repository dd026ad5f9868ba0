package ringfence

import (
	"time"

	"github.com/ringfencehq/ringfence/internal/signed"
)

// tokenLife is how long a token counts: time for the statement to reach the server, and clocks that differ.
const tokenLife = 30 * time.Second

// KeySigner signs tenant contexts with a key that the database knows and the application's role cannot read. It is safe
// for concurrent use, and never prints its secret.
type KeySigner struct{ key signed.Key }

// NewKeySigner returns a signer with a key's id (letters, digits, _ and -, 32 at most) and secret (32 random bytes or more).
func NewKeySigner(id string, secret []byte) (*KeySigner, error) {
	key, err := signed.NewKey(id, secret)
	if err != nil {
		return nil, err
	}
	return &KeySigner{key: key}, nil
}

// SignTenant implements Signer.
func (s *KeySigner) SignTenant(t Tenant, now time.Time) (string, error) {
	return s.key.Sign(t.String(), now, now.Add(tokenLife))
}

// String names the key without its secret.
func (s *KeySigner) String() string { return s.key.String() }

// GoString is String: no form of printing shows the secret.
func (s *KeySigner) GoString() string { return s.key.String() }
