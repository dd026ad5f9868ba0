package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// maxName is how many bytes a name may have; the server cuts longer ones off, and what was two names is then one.
const maxName = 63

// uniqueName makes a name from parts that is not taken, as taken says: the parts joined, where they fit; else cut short, with a
// hash of all the parts at the end. It depends on nothing but its arguments, so that planning again gives the same name.
func uniqueName(taken func(string) bool, parts ...string) string {
	joined := strings.Join(parts, "_")
	if len(joined) <= maxName && !taken(joined) {
		return joined
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	for length := 8; ; length += 8 {
		tail := "_" + hex.EncodeToString(sum[:])[:length]
		if name := cut(joined, maxName-len(tail)) + tail; !taken(name) || length >= 40 {
			return name
		}
	}
}

// cut shortens to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// relationName makes a name for a new index that no relation of the schema has, and takes it.
func (p *planner) relationName(schema string, parts ...string) string {
	name := uniqueName(func(n string) bool { return p.names[Name{schema, n}.Identity()] }, parts...)
	p.names[Name{schema, name}.Identity()] = true
	return name
}
