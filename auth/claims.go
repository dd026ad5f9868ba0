package auth

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringfencehq/ringfence/auth/internal/strict"
)

// maxName bounds what a claim may give as a name: of a user, a session, a token, a device, a role, a key.
const maxName = 256

// maxRoles bounds the roles that one token may carry.
const maxRoles = 64

// maxTime is the last second of the year 9999: a time beyond it is a mistake, and would overflow elsewhere.
const maxTime = 253402300799

var errClaim = errors.New("a claim of the wrong type")

// claims are the claims of one token, by their exact names. They implement jwt.Claims.
type claims map[string]any

// UnmarshalJSON reads them strictly; see object.
func (c *claims) UnmarshalJSON(data []byte) error {
	o, err := strict.Object(data)
	*c = o
	return err
}

func (c claims) GetExpirationTime() (*jwt.NumericDate, error) { return c.time("exp") }
func (c claims) GetIssuedAt() (*jwt.NumericDate, error)       { return c.time("iat") }
func (c claims) GetNotBefore() (*jwt.NumericDate, error)      { return c.time("nbf") }
func (c claims) GetIssuer() (string, error)                   { return c.name("iss") }
func (c claims) GetSubject() (string, error)                  { return c.name("sub") }

// GetAudience returns the claim aud, which may be one text or a list of texts.
func (c claims) GetAudience() (jwt.ClaimStrings, error) {
	if _, one := c["aud"].(string); one {
		s, err := c.name("aud")
		return jwt.ClaimStrings{s}, err
	}
	return c.names("aud")
}

// time reads a NumericDate; nil where it is absent.
func (c claims) time(name string) (*jwt.NumericDate, error) {
	v, ok := c[name]
	if !ok {
		return nil, nil
	}
	n, ok := v.(json.Number)
	if !ok {
		return nil, errClaim
	}
	f, err := n.Float64()
	if err != nil || math.IsNaN(f) || f < 0 || f > maxTime {
		return nil, errClaim
	}
	whole, part := math.Modf(f)
	return jwt.NewNumericDate(time.Unix(int64(whole), int64(part*1e9))), nil
}

// name reads a short text without control characters; empty where it is absent.
func (c claims) name(name string) (string, error) {
	v, ok := c[name]
	if !ok {
		return "", nil
	}
	return shortText(v)
}

// names reads a list of short texts; nil where it is absent.
func (c claims) names(name string) ([]string, error) {
	v, ok := c[name]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok || len(list) > maxRoles {
		return nil, errClaim
	}
	out := make([]string, 0, len(list))
	for _, v := range list {
		s, err := shortText(v)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

func shortText(v any) (string, error) {
	s, ok := v.(string)
	if !ok || len(s) > maxName || strings.ContainsFunc(s, unicode.IsControl) {
		return "", errClaim
	}
	return s, nil
}

// at returns the claim of a name, or of a path of names where it begins with a slash (a JSON pointer through objects:
// "/app_metadata/org_id"), and whether it is there. JSON null is not.
func (c claims) at(name string) (any, bool) {
	if !strings.HasPrefix(name, "/") {
		v, ok := c[name]
		return v, ok && v != nil
	}
	var v any = map[string]any(c)
	for part := range strings.SplitSeq(name[1:], "/") {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		v = o[strings.NewReplacer("~1", "/", "~0", "~").Replace(part)]
	}
	return v, v != nil
}
