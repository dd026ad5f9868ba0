package gateway

import (
	"fmt"
	"strconv"
	"unsafe"

	ringfence "github.com/ringfencehq/ringfence"
	"github.com/ringfencehq/ringfence/gateway/internal/scan"
)

// Kind says what tenant keys are: their texts in messages, tokens and requests are parsed by it.
type Kind string

// The kinds of tenant keys.
const (
	KindUUID Kind = "uuid"
	KindText Kind = "text"
	KindInt  Kind = "int"
)

// maxExactInt is the largest integer that every JSON reader holds exactly.
const maxExactInt = 1<<53 - 1

// Parse reads a tenant key's text, as ringfence.ParseTenant, ParseTenantText or ParseTenantInt does by the kind. The error wraps
// ringfence.ErrTenant, also where the kind is none of these.
func (k Kind) Parse(text string) (ringfence.Tenant, error) {
	switch k {
	case KindUUID:
		return ringfence.ParseTenant(text)
	case KindText:
		return ringfence.ParseTenantText(text)
	case KindInt:
		return ringfence.ParseTenantInt(text)
	}
	return ringfence.Tenant{}, fmt.Errorf("tenant kind %q: %w", k, ringfence.ErrTenant)
}

// standing is how a tenant that a message names stands to the token's.
type standing uint8

const (
	standsSame standing = iota
	standsOther
	standsMissing
	standsMalformed
)

// stand compares a watched tenant value with the token's tenant. It keeps nothing of text.
func (k Kind) stand(h scan.Hit, text []byte, own ringfence.Tenant) standing {
	wanted := scan.String
	if k == KindInt {
		wanted = scan.Number
	}
	switch {
	case h.Kind == scan.Null, h.Kind == scan.String && blank(text):
		return standsMissing
	case h.Kind != wanted:
		return standsMalformed
	}
	if k == KindInt {
		if n, err := strconv.ParseUint(borrow(text), 10, 64); err != nil || n > maxExactInt {
			return standsMalformed
		}
	}
	named, err := k.Parse(borrow(text))
	switch {
	case err != nil:
		return standsMalformed
	case named != own:
		return standsOther
	}
	return standsSame
}

// borrow reads bytes as a string without copying them: only for calls that keep nothing of it beyond the comparison that
// follows, while the bytes stay as they are.
func borrow(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// blank reports whether an id's text is empty, or nothing but white space and invisible characters.
func blank(text []byte) bool {
	for _, r := range borrow(text) {
		if !invisible(r) {
			return false
		}
	}
	return true
}
