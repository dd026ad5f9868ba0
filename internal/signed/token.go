// Package signed makes the tokens of a signed tenant context, and holds the SQL by which the database verifies them. With a plain
// setting, whoever can run SQL in the application's name can choose the tenant; a token can only be made by who has the key,
// which the application's server has and its database role cannot read. Tokens are short-lived and name the key that signed
// them, so that keys are exchanged without downtime: insert the new key, sign with it, retire the old one a token's life later.
//
// To change the token's form, add a version beside v1 and let the verifier take both for a while.
package signed

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxLife is how long a token may live at most.
const MaxLife = 60 * time.Second

// label keeps these signatures apart from any other use of the same key.
const label = "ringfence.context.v1:"

// blockSize is SHA-256's, which HMAC pads keys to.
const blockSize = 64

// minSecret is the fewest bytes of a secret: as many as a signature has.
const minSecret = 32

var keyIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// A Key signs tokens. The zero Key signs nothing. It is safe for concurrent use, and never prints its secret.
type Key struct {
	id     string
	secret []byte
}

// NewKey returns a key of an id (letters, digits, _ and -, 32 at most) and a secret of 32 random bytes or more.
func NewKey(id string, secret []byte) (Key, error) {
	if !keyIDs.MatchString(id) {
		return Key{}, errors.New("making a signing key: its id must be 1 to 32 letters, digits, _ or -")
	}
	if len(secret) < minSecret {
		return Key{}, fmt.Errorf("making a signing key: its secret has %d bytes, and needs %d", len(secret), minSecret)
	}
	return Key{id: id, secret: append([]byte(nil), secret...)}, nil
}

// ID is the key's id, which tokens carry in the open.
func (k Key) ID() string { return k.id }

// String names the key without its secret.
func (k Key) String() string { return "signing key " + k.id }

// GoString is String: no form of printing shows the secret.
func (k Key) GoString() string { return k.String() }

// Pads are the key as the database stores it: its block combined with HMAC's two constants, so that verifying is two rounds of
// the built-in sha256. They are as secret as the key: hand them over as parameters, never as text of a statement.
func (k Key) Pads() (inner, outer []byte) {
	block := make([]byte, blockSize)
	if len(k.secret) > blockSize {
		sum := sha256.Sum256(k.secret)
		copy(block, sum[:])
	} else {
		copy(block, k.secret)
	}
	inner, outer = make([]byte, blockSize), make([]byte, blockSize)
	for i, b := range block {
		inner[i], outer[i] = b^0x36, b^0x5c
	}
	return inner, outer
}

// Sign makes a token for a tenant that expires at a time at most MaxLife ahead of now: kid.tenant.expiry.hex(hmac). A tenant is 1
// to 256 bytes without control characters.
func (k Key) Sign(tenant string, now, expires time.Time) (string, error) {
	switch {
	case k.id == "":
		return "", errors.New("signing a tenant context: no key")
	case tenant == "" || len(tenant) > 256 || strings.ContainsFunc(tenant, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }):
		return "", errors.New("signing a tenant context: a tenant is 1 to 256 bytes of UTF-8 without control characters")
	case !expires.After(now) || expires.Sub(now) > MaxLife:
		return "", fmt.Errorf("signing a tenant context: a token lives more than nothing and %s at most", MaxLife)
	}
	message := k.id + "." + tenant + "." + strconv.FormatInt(expires.Unix(), 10)
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte(label + message))
	return message + "." + hex.EncodeToString(mac.Sum(nil)), nil
}
