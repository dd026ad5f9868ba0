package trail

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ringfencehq/ringfence"
)

// The bounds of an event's fields, in bytes after cleaning; of Detail, the number of facts too.
const (
	maxNode        = 64
	maxType        = 64
	maxID          = 256 // user, tenant, attempted tenant, session
	maxAddress     = 64
	maxUserAgent   = 512
	maxDetails     = 16
	maxDetailKey   = 64
	maxDetailValue = 512
)

// maxEncoded is the most that a canonical encoding takes, in bytes.
const maxEncoded = 16 << 10

// moreDetails is the key that tells how many facts were left out.
const moreDetails = "_more"

// Clean bounds what a source told, so that every store takes it: valid UTF-8 without control or direction characters, no
// secret that can be known as one, no longer than the field's bound. A text that had to be changed ends in
// "…[N bytes sha256:…]" of what was sent (secrets taken out before), so that different texts stay different. An empty severity
// becomes the type's own.
func Clean(e ringfence.Event) ringfence.Event {
	if e.Severity == "" {
		e.Severity = e.Type.Severity()
	}
	e.User = bound(e.User, maxID)
	e.Tenant = bound(e.Tenant, maxID)
	e.AttemptedTenant = bound(e.AttemptedTenant, maxID)
	e.Session = bound(e.Session, maxID)
	e.Address = bound(hostOnly(e.Address), maxAddress)
	e.UserAgent = bound(e.UserAgent, maxUserAgent)
	e.Detail = boundDetail(e.Detail)
	return e
}

// hostOnly takes the port off an address, which changes with every connection, so that one source is one address.
func hostOnly(s string) string {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at.Addr().Unmap().String()
	}
	if at, err := netip.ParseAddr(s); err == nil {
		return at.Unmap().String()
	}
	return s
}

func boundDetail(detail map[string]string) map[string]string {
	if len(detail) == 0 {
		return nil
	}
	out := make(map[string]string, min(len(detail), maxDetails))
	keys := slices.Sorted(maps.Keys(detail))
	if left := len(keys) - (maxDetails - 1); left > 1 {
		out[moreDetails] = strconv.Itoa(left)
		keys = keys[:maxDetails-1]
	}
	for _, k := range keys {
		v := detail[k]
		if v != "" && secretName(k) {
			v = redacted
		}
		out[bound(k, maxDetailKey)] = bound(v, maxDetailValue)
	}
	return out
}

// scanned is how much more of a text than its bound is searched for secrets; what lies beyond is not kept.
const scanned = 4 << 10

// bound redacts, cleans and shortens one text.
func bound(s string, most int) string {
	if len(s) > most+scanned {
		return shorten(redact(prefix(s, most+scanned)), s, most)
	}
	s = redact(s)
	if len(s) <= most && utf8.ValidString(s) && !hasUnclean(s) {
		return s
	}
	return shorten(s, s, most)
}

// shorten keeps the start of a text, and marks it with the length and hash of the whole.
func shorten(start, whole string, most int) string {
	sum := sha256.Sum256([]byte(whole))
	mark := "…[" + strconv.Itoa(len(whole)) + " bytes sha256:" + hex.EncodeToString(sum[:8]) + "]"
	kept := strings.Map(cleanRune, strings.ToValidUTF8(prefix(start, most), "\uFFFD"))
	return prefix(kept, most-len(mark)) + mark
}

// prefix is the longest start of s that has at most n bytes and cuts no character.
func prefix(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:max(n, 0)]
}

func cleanRune(r rune) rune {
	if uncleanRune(r) {
		return utf8.RuneError
	}
	return r
}

// uncleanRune reports characters that could forge lines, hide text, or be refused by a store: controls, line and paragraph
// separators, and those that turn the direction of text.
func uncleanRune(r rune) bool {
	switch {
	case unicode.IsControl(r), r == '\u2028', r == '\u2029', r == '\u200e', r == '\u200f', r == '\u061c':
		return true
	}
	return '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069'
}

func hasUnclean[T string | []byte](s T) bool {
	for _, r := range string(s) {
		if uncleanRune(r) {
			return true
		}
	}
	return false
}

const redacted = "[redacted]"

// tokenID is the fact by which a token is revoked: its jti, or its digest. It is no secret, whatever its name sounds like.
const tokenID = "token_id"

// secretName reports whether a fact's name says that its value is a secret.
func secretName(name string) bool {
	if name == tokenID {
		return false
	}
	name = strings.ToLower(name)
	for _, part := range []string{"token", "secret", "passw", "authorization", "cookie", "api_key", "apikey", "credential", "dsn"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "pin" || strings.HasSuffix(name, "_pin")
}

// secrets are the forms of secrets that are known wherever they stand: JWTs, credentials of an Authorization header, and
// assignments in URLs and connection strings.
var secrets = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_=-]*(\.[A-Za-z0-9_=-]*)?` +
	`|(?i:\b(?:bearer|basic)[ +]+[A-Za-z0-9._~+/=-]{6,})` +
	`|(?i:\b(?:access_token|id_token|refresh_token|token|password|passwd|secret|api_key|apikey|pin)=[^&\s]+)` +
	`|://[^/\s:@]*:[^/\s@]+@`)

// redact takes known forms of secrets out of a text.
func redact(s string) string {
	if !strings.Contains(s, "eyJ") && !strings.ContainsAny(s, "=@ +") {
		return s
	}
	return secrets.ReplaceAllString(s, redacted)
}
