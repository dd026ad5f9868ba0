package pin

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Peppers are the keys that make a stolen table of PINs worthless: they are kept outside the database, and each tenant's pepper
// is derived from one. The first is used for new PINs; the others verify those of before, until they are set anew. A Peppers
// prints as its ids. Safe for concurrent use.
type Peppers struct {
	current string
	keys    map[string][]byte
}

// pepperBytes is how long a key is, at least.
const pepperBytes = 32

// ParsePeppers reads keys as ringfence pin key writes them, one a line: id:base64 of 32 bytes or more. Lines that begin with #
// are comments. The first key is the current one.
func ParsePeppers(text string) (*Peppers, error) {
	p := &Peppers{keys: map[string][]byte{}}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, encoded, ok := strings.Cut(line, ":")
		if !ok || id == "" || len(id) > 32 {
			return nil, fmt.Errorf("reading peppers: line %d is not ID:KEY, the id of at most 32 bytes", i+1)
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) < pepperBytes {
			return nil, fmt.Errorf("reading peppers: the key of line %d is not base64 of %d bytes or more", i+1, pepperBytes)
		}
		if _, twice := p.keys[id]; twice {
			return nil, fmt.Errorf("reading peppers: line %d has an id that stands above it", i+1)
		}
		if p.keys[id] = key; p.current == "" {
			p.current = id
		}
	}
	if p.current == "" {
		return nil, errors.New("reading peppers: there is none")
	}
	return p, nil
}

// NewPepper makes a line for ParsePeppers.
func NewPepper(id string) string {
	key := make([]byte, pepperBytes)
	rand.Read(key)
	return id + ":" + base64.StdEncoding.EncodeToString(key) + "\n"
}

// Current is the id of the key for new PINs.
func (p *Peppers) Current() string { return p.current }

// derive makes a key for one purpose.
func (p *Peppers) derive(id, purpose, of string) ([]byte, bool) {
	key, ok := p.keys[id]
	if !ok {
		return nil, false
	}
	out, err := hkdf.Key(sha256.New, key, nil, "ringfence "+purpose+"\x00"+of, sha256.Size)
	return out, err == nil
}

// mix is what is hashed in the place of a PIN: an HMAC under the tenant's pepper, over the user too, so that a hash moved to
// another row opens nothing.
func (p *Peppers) mix(id, tenant, user, pin string) ([]byte, bool) {
	key, ok := p.derive(id, "pin", tenant)
	if !ok {
		return nil, false
	}
	m := hmac.New(sha256.New, key)
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(user)))
	m.Write(n[:])
	io.WriteString(m, user)
	io.WriteString(m, pin)
	return m.Sum(nil), true
}

// Format prints the ids, whatever the verb: never a key.
func (p *Peppers) Format(w fmt.State, _ rune) { io.WriteString(w, "peppers, current "+p.current) }

// LogValue is the ids.
func (p *Peppers) LogValue() slog.Value { return slog.StringValue("peppers, current " + p.current) }
