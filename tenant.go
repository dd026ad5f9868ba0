package ringfence

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrTenant says that a text names no tenant. It never carries the text: that may be another tenant's id, or a secret.
var ErrTenant = errors.New("malformed tenant")

// maxTenantText is the longest textual tenant key, in bytes: what a btree entry and a log line hold with ease.
const maxTenantText = 256

// Tenant names one tenant. Only ParseTenant, ParseTenantText and ParseTenantInt make one that is valid; the zero value is
// not, and is refused wherever a tenant is asked for. Tenants are compared with ==: a UUID key is its 16 bytes, so that
// letter case and hyphens cannot make one tenant look like two. Safe for concurrent use.
type Tenant struct {
	uuid [16]byte
	text string
	kind tenantKind
}

type tenantKind uint8

const (
	tenantInvalid tenantKind = iota
	tenantUUID
	tenantText
	tenantInt
)

// ParseTenant reads a tenant whose key is a UUID: 36 characters with hyphens at their places, hexadecimal digits of either
// case. Other spellings that PostgreSQL would take (braces, no hyphens) are refused, so that what a proxy, a log and the
// database read is the same. The nil UUID is refused: it is the zero value of most languages, and so nobody's name.
func ParseTenant(s string) (Tenant, error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return Tenant{}, ErrTenant
	}
	t := Tenant{kind: tenantUUID}
	for i, at := range uuidDigits {
		high, low := nibble(s[at]), nibble(s[at+1])
		if high > 15 || low > 15 {
			return Tenant{}, ErrTenant
		}
		t.uuid[i] = high<<4 | low
	}
	if t.uuid == ([16]byte{}) {
		return Tenant{}, ErrTenant
	}
	return t, nil
}

// uuidDigits are the places of the 16 bytes' first digits in a UUID's text.
var uuidDigits = [16]int{0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34}

// nibble is the value of one hexadecimal digit, or 255.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// ParseTenantText reads a tenant whose key is text: 1 to 256 bytes of valid UTF-8 with no control character, and no white
// space at its ends. It is compared byte for byte.
func ParseTenantText(s string) (Tenant, error) {
	if s == "" || len(s) > maxTenantText || !utf8.ValidString(s) || strings.TrimSpace(s) != s {
		return Tenant{}, ErrTenant
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return Tenant{}, ErrTenant
	}
	return Tenant{kind: tenantText, text: s}, nil
}

// ParseTenantInt reads a tenant whose key is a bigint: a positive decimal number as PostgreSQL prints it, without sign,
// leading zero or space. Zero is refused: many schemas use it for rows that belong to nobody.
func ParseTenantInt(s string) (Tenant, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != s {
		return Tenant{}, ErrTenant
	}
	return Tenant{kind: tenantInt, text: s}, nil
}

// Valid reports whether the tenant was made by parsing.
func (t Tenant) Valid() bool { return t.kind != tenantInvalid }

// UUID returns the 16 bytes of a UUID tenant, and whether it is one.
func (t Tenant) UUID() (id [16]byte, ok bool) { return t.uuid, t.kind == tenantUUID }

// String returns the tenant as PostgreSQL prints its key, and the empty text for the zero value.
func (t Tenant) String() string {
	if t.kind != tenantUUID {
		return t.text
	}
	var b [36]byte
	hex.Encode(b[0:8], t.uuid[0:4])
	hex.Encode(b[9:13], t.uuid[4:6])
	hex.Encode(b[14:18], t.uuid[6:8])
	hex.Encode(b[19:23], t.uuid[8:10])
	hex.Encode(b[24:36], t.uuid[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
