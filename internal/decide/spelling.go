package decide

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// spellings reports whether two strings are one in every collation that is not deterministic: they differ in Unicode
// normalisation alone.
func spellings(a, b string) bool { return norm.NFC.String(a) == norm.NFC.String(b) }

// foldCase brings to one what collations that are not deterministic may take for one: letters' case and accents.
func foldCase(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(strings.ToLower(s)) {
		if r < 0x300 || r > 0x36f {
			b.WriteRune(r)
		}
	}
	return b.String()
}
