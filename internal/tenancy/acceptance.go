package tenancy

import "strings"

// Matches compares an object's identity with the pattern of an acceptance, in which * stands for any characters; everything
// else must be equal.
func Matches(pattern, object string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == object
	}
	rest, ok := strings.CutPrefix(object, parts[0])
	if !ok {
		return false
	}
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(rest, p)
		if i < 0 {
			return false
		}
		rest = rest[i+len(p):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
